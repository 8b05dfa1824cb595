# SPDX-License-Identifier: Apache-2.0
"""Drawn stacks of electron microscopy with their truth, by the file names of the Lucchi set."""

import sys
from pathlib import Path

import numpy as np
from mmengine.utils import ProgressBar
from tifffile import TiffWriter

from rankseg.demo.volume import DemoVolume
from rankseg.utils.atomic_folder import refuse_full, whole_folder

PAGES, TEST_PAGES, SIZE = 165, 20, 256  # 165 pages, as the Lucchi set has
SMALLEST = 64


def make_demo_stacks(
    out: str | Path,
    seed: int = 0,
    pages: int = PAGES,
    test_pages: int = TEST_PAGES,
    size: int = SIZE,
) -> Path:
    """Draw a stack to train on and one to test on, each of a block of tissue of its own.

    The folder holds ``training.tif`` and ``testing.tif`` (uint8, grey) and, of each,
    ``NAME_groundtruth.tif`` (0, and 255 inside of mitochondria).

    Args:
        out: Folder to make.
        seed: The same seed and numbers give the same pixels.
        pages: Pages of the training stack.
        test_pages: Pages of the testing stack.
        size: Height and width of a page in pixels.

    Returns:
        The folder.

    Raises:
        ValueError: If a number is too small, or the folder holds something.
        WriteError: If the folder cannot be written.
    """
    if min(pages, test_pages) < 1 or size < SMALLEST or seed < 0:
        raise ValueError(
            f"{pages} and {test_pages} pages of {size} px, seed {seed}: expected at least one page "
            f"each, {SMALLEST} px and a seed from 0"
        )
    out = Path(out)
    refuse_full(out)
    with whole_folder(out) as folder:
        for part, (name, count) in enumerate([("training", pages), ("testing", test_pages)]):
            print(f"drawing {name}.tif")
            volume = DemoVolume((seed, part), count, size)
            bar = ProgressBar(count, file=sys.stdout)
            with (
                TiffWriter(folder / f"{name}.tif") as images,
                TiffWriter(folder / f"{name}_groundtruth.tif") as masks,
            ):
                for number in range(count):
                    image, mask = volume.page(number)
                    images.write(image, photometric="minisblack")
                    masks.write(mask * np.uint8(255), photometric="minisblack")
                    bar.update()
            print()
    return out
