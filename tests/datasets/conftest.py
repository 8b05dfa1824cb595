# SPDX-License-Identifier: Apache-2.0
"""A small folder of images and masks, written anew for every test that wants one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = ("sky", "road", "car")


@pytest.fixture
def make_set(tmp_path: Path) -> Callable[..., Path]:
    """Write ``number`` images of 10x8 pixels; mask ``i`` holds class 0 and class ``i % 3``."""

    def make(
        number: int = 8, labeled: int = 2, val: int = 2, foreground: int | None = None
    ) -> Path:
        root = tmp_path / "set"
        for folder in ("images", "masks", "splits/few"):
            (root / folder).mkdir(parents=True)
        (root / "classes.txt").write_text("\n".join(CLASSES))
        lines = []
        for i in range(number):
            rng = np.random.default_rng(i)
            Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)).save(
                root / f"images/{i}.png"
            )
            mask = np.zeros((8, 10), dtype=np.uint8)
            mask[2:5, 3:7] = i % 3 if foreground is None else foreground
            Image.fromarray(mask).save(root / f"masks/{i}.png")
            lines.append(f"images/{i}.png masks/{i}.png\n")
        bare = [f"{line.split()[0]}\n" for line in lines]
        (root / "splits/few/labeled.txt").write_text("".join(lines[:labeled]))
        (root / "splits/few/unlabeled.txt").write_text("".join(bare[labeled : number - val]))
        (root / "splits/val.txt").write_text("".join(lines[number - val :]))
        return root

    return make
