# SPDX-License-Identifier: Apache-2.0
"""A small folder of images and masks, written for every test that needs one."""

import gc
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = ("sky", "road", "car")


@pytest.fixture(autouse=True)
def no_collection(monkeypatch):
    """Leave out mmengine's garbage collection for every data set that is built: 0.1 s each."""
    monkeypatch.setattr(gc, "collect", lambda *args: 0)


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


@pytest.fixture
def make_classes(tmp_path: Path) -> Callable[..., Path]:
    """Write folders with so many noisy images of each of three classes."""

    def make(numbers: dict[str, int], size: tuple[int, int] = (10, 12)) -> Path:
        root = tmp_path / "classes"
        for folder, number in numbers.items():
            for k, name in enumerate(("cat", "dog", "big fish")):
                (root / folder / name).mkdir(parents=True)
                for i in range(number):
                    pixels = np.random.default_rng((k, i)).integers(0, 256, (*size, 3), np.uint8)
                    Image.fromarray(pixels).save(root / folder / name / f"{i}.png")
        return root

    return make


@pytest.fixture
def cifar10(tmp_path: Path) -> Callable[..., tuple[Path, np.ndarray, np.ndarray]]:
    """Write CIFAR-10 with a few images a file; the rows and labels of train and test."""

    def make(per_batch: int, seed: int = 0) -> tuple[Path, np.ndarray, np.ndarray]:
        folder = tmp_path / "cifar10/cifar-10-batches-py"
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (6 * per_batch, 3072), np.uint8)
        labels = (rng.permutation(6 * per_batch)) % 10
        names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
        for i, name in enumerate(names):
            rows = slice(i * per_batch, (i + 1) * per_batch)
            batch = {b"data": pixels[rows], b"labels": labels[rows].tolist()}
            (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
        return folder.parent, pixels, labels

    return make
