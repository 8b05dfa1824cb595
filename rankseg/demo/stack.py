# SPDX-License-Identifier: Apache-2.0
"""Synthetic electron microscopy stacks with ground truth, named like the Lucchi data set."""

from pathlib import Path

import numpy as np
from tifffile import TiffWriter

from rankseg.demo.volume import DemoVolume
from rankseg.utils.atomic_folder import atomic_folder, refuse_full
from rankseg.utils.progress import track

PAGES, TEST_PAGES, SIZE = 165, 20, 256  # 165 pages, like the Lucchi data set
SMALLEST = 64


def make_demo_stacks(
    out: str | Path,
    seed: int = 0,
    pages: int = PAGES,
    test_pages: int = TEST_PAGES,
    size: int = SIZE,
) -> Path:
    """Write a training stack and a test stack, each from its own block of tissue.

    The folder contains ``training.tif`` and ``testing.tif`` (uint8, gray), and for each the ground
    truth ``NAME_groundtruth.tif`` (255 inside mitochondria, 0 elsewhere).

    Args:
        out: Folder to create.
        seed: The same seed and numbers give the same pixels.
        pages: Number of pages of the training stack.
        test_pages: Number of pages of the test stack.
        size: Height and width of a page in pixels.

    Returns:
        The folder.

    Raises:
        ValueError: If a number is too small, or the folder is not empty.
        WriteError: If the folder cannot be written.
    """
    if min(pages, test_pages) < 1 or size < SMALLEST or seed < 0:
        raise ValueError(
            f"Expected at least one page per stack, pages of {SMALLEST} px or more and a seed of 0 "
            f"or more, but got {pages} and {test_pages} pages of {size} px and seed {seed}."
        )
    out = Path(out)
    refuse_full(out)
    with atomic_folder(out) as folder:
        for part, (name, count) in enumerate([("training", pages), ("testing", test_pages)]):
            volume = DemoVolume((seed, part), count, size)
            with (
                TiffWriter(folder / f"{name}.tif") as images,
                TiffWriter(folder / f"{name}_groundtruth.tif") as masks,
            ):
                for number in track(range(count), f"drawing {name}.tif"):
                    image, mask = volume.page(number)
                    images.write(image, photometric="minisblack")
                    masks.write(mask * np.uint8(255), photometric="minisblack")
    return out
