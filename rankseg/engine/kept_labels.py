# SPDX-License-Identifier: Apache-2.0
"""Storage of small label maps of some validations in one file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankseg.utils.atomic_file import atomic_write


class Validation(NamedTuple):
    """Predictions of one validation for some images.

    Attributes:
        score: Main metric of the whole validation, fgIoU or mIoU, in percent.
        labels: One ``(h, w)`` uint8 label map per image.
    """

    score: float
    labels: list[np.ndarray]


def write_labels(path: Path, kept: dict[int, Validation]) -> None:
    """Write validations by iteration to an ``.npz`` file atomically."""
    arrays = {f"score_{i}": np.array(one.score) for i, one in kept.items()}
    for i, one in kept.items():
        arrays |= {f"label_{i}_{row}": label for row, label in enumerate(one.labels)}
    with atomic_write(path) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def read_labels(path: Path) -> dict[int, Validation]:
    """Read the file of :func:`write_labels`, sorted by iteration."""
    kept = {}
    with np.load(path, allow_pickle=False) as arrays:
        for i in sorted(int(name[6:]) for name in arrays.files if name.startswith("score_")):
            rows = sum(name.startswith(f"label_{i}_") for name in arrays.files)
            labels = [arrays[f"label_{i}_{row}"] for row in range(rows)]
            kept[i] = Validation(float(arrays[f"score_{i}"]), labels)
    return kept


def superfluous(iterations: list[int]) -> int:
    """Return the iteration, of three or more in order, whose removal leaves the smallest gap.

    The first and the last are never returned.

    >>> superfluous([300, 600, 700, 900])
    700
    """
    gaps = {
        iterations[i]: iterations[i + 1] - iterations[i - 1] for i in range(1, len(iterations) - 1)
    }
    return min(gaps, key=gaps.__getitem__)
