# SPDX-License-Identifier: Apache-2.0
"""Maps of an image computed from logits, some rows at a time, within the available memory."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import log
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rankseg.errors import FileError

AT_ONCE = 2**24  # logits that are converted to probabilities at once
NO_MEMORY = ("out of memory", "not enough memory", "allocate memory")


class Maps:
    """Maps of one image that are filled from top to bottom.

    Probabilities of all classes are written to the given array, ``(K, H, W)`` of a floating type,
    in memory or on disk.

    Attributes:
        mask: ``(H, W)`` uint8 class ids.
        uncertainty: ``(H, W)`` float32 entropy divided by that of the uniform distribution, from 0
            (certain) to 1; or None.
        counts: ``(K,)`` int64 pixels of every class so far.
        non_finite: Pixels so far without a class, because their largest logit is NaN or infinite.
    """

    def __init__(
        self,
        size: tuple[int, int],
        classes: int,
        uncertainty: bool = False,
        probabilities: np.ndarray | None = None,
    ) -> None:
        self.mask = np.zeros(size, np.uint8)
        self.uncertainty = np.zeros(size, np.float32) if uncertainty else None
        self.probabilities = probabilities
        self.counts = np.zeros(classes, np.int64)
        self.non_finite = 0

    def put(self, y: int, logits: Tensor) -> None:
        """Add the logits ``(K, rows, W)`` of some rows, starting at row ``y``."""
        classes, rows, width = logits.shape
        step = max(1, AT_ONCE // (classes * width))
        for first in range(0, rows, step):
            part = logits[:, first : first + step]
            place = slice(y + first, y + first + part.shape[1])
            largest, label = part.max(0)  # NaN if any logit is NaN
            self.non_finite += int(largest.isfinite().logical_not_().sum())
            self.mask[place] = label.to(torch.uint8).cpu().numpy()
            self.counts += label.flatten().bincount(minlength=classes).cpu().numpy()
            if self.uncertainty is None and self.probabilities is None:
                continue
            shares = part.float().softmax(0)
            if self.probabilities is not None:
                self.probabilities[:, place] = shares.cpu().numpy()
            if self.uncertainty is not None:
                entropy = torch.special.entr(shares).sum(0) / log(classes)
                self.uncertainty[place] = entropy.clamp(0, 1).cpu().numpy()


def check_logits(non_finite: int, count: int, things: str = "pixels") -> None:
    """Check that the network output is finite."""
    if non_finite:
        raise FileError(
            f"Expected finite numbers from the network, but got NaN or infinity for {non_finite} "
            f"of {count} {things}. Its weights are finite, so an intermediate result overflows. "
            "Leave out --amp if you use it, or use an earlier checkpoint."
        )


def count_classes(mask: np.ndarray, classes: int) -> np.ndarray:
    """Return the pixels of every class in a mask, ``(K,)`` int64, ignoring other values."""
    counts = np.zeros(256, np.int64)
    for rows in np.array_split(mask, max(1, mask.size // AT_ONCE)):
        counts += np.bincount(rows.ravel(), minlength=256)
    return counts[:classes]


def available_memory() -> int | None:
    """Return the bytes available without swapping, or None if the system does not report them."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None


def check_memory(size: tuple[int, int], classes: int, rows: int, name: str = "the image") -> None:
    """Check that there is enough memory for an image before it is read.

    ``rows`` are those whose logits are in memory at once: those of a window, or all.
    """
    height, width = size
    needed = 8 * height * width + 8 * classes * min(rows, height) * width
    left = available_memory()
    if left is not None and needed > left:
        raise FileError(
            f"Expected {name} of {width}x{height} pixels to fit into memory, but predicting it "
            f"takes about {needed / 2**30:.1f} GB, and {left / 2**30:.1f} GB are available. Cut it "
            "into tiles, or use smaller windows (--window)."
        )


@contextmanager
def enough_memory(size: tuple[int, int], name: str = "the image") -> Iterator[None]:
    """Turn out-of-memory errors into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        message = str(error).lower()
        if not isinstance(error, MemoryError) and not any(text in message for text in NO_MEMORY):
            raise
        raise FileError(
            f"Expected {name} of {size[1]}x{size[0]} pixels to fit into memory, but memory ran "
            "out. Use smaller windows (--window) or --batch 1, or cut it into tiles."
        ) from error
