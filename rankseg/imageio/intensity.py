# SPDX-License-Identifier: Apache-2.0
"""Conversion of images of more than 8 bits to 8 bits with one value range for all of them."""

from collections.abc import Iterable
from threading import Lock

import numpy as np

LOW, HIGH = 0.1, 99.9
"""Percentiles of all pixels of a data set that become black and white; the rest is clipped."""

RULE = f"linear from the {LOW} to the {HIGH} percentile of the whole stack to 0..255, rounded"

FULL = (0, 65535)
"""Value range that keeps the high byte of 16 bits."""

_ANY = (-(1 << 15), (1 << 16) - 1)  # values of int16 and uint16 together


def _bounds(dtype: np.dtype | None) -> tuple[int, int]:
    return _ANY if dtype is None else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def value_counts(pages: Iterable[np.ndarray], dtype: np.dtype | None = None) -> np.ndarray:
    """Count how often every value occurs in all pages together.

    Args:
        pages: Integers of 8 or 16 bits, of any shape.
        dtype: Type of the pages; None for pages of several types.

    Returns:
        ``(n,)`` int64 for the values from the smallest to the largest of the type, or -32768 to
        65535.
    """
    lowest, highest = _bounds(dtype)
    counts = np.zeros(highest - lowest + 1, np.int64)
    for page in pages:
        counts += np.bincount(page.astype(np.int32).ravel() - lowest, minlength=len(counts))
    return counts


def percentile_range(counts: np.ndarray, dtype: np.dtype | None = None) -> tuple[int, int]:
    """Return the values that become 0 and 255, see :data:`RULE`.

    Args:
        counts: Counts from :func:`value_counts`.
        dtype: Type of the values, as in :func:`value_counts`.

    Raises:
        ValueError: If all pixels have the same value.
    """
    lowest, _ = _bounds(dtype)
    share = 100 * np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(share, percent)) for percent in (LOW, HIGH))
    if low == high:  # nearly all pixels are the same
        low, high = (int(i) for i in np.flatnonzero(counts)[[0, -1]])
    if low == high:
        raise ValueError(
            f"Expected pixels of different values, but all pixels are {low + lowest}. Check the "
            "file."
        )
    return low + lowest, high + lowest


class ValueCounts:
    """Thread-safe counter of the values of many images, used to find one range for all of them.

    Attributes:
        files: Number of files added.
    """

    def __init__(self) -> None:
        self.files = 0
        self._counts = value_counts(())
        self._lock = Lock()

    def add(self, pages: Iterable[np.ndarray]) -> None:
        """Add the pages of a file; see :func:`value_counts`."""
        counts = value_counts(pages)
        with self._lock:
            self._counts += counts
            self.files += 1

    @property
    def range(self) -> tuple[int, int] | None:
        """Black and white values, see :data:`RULE`; None without at least two values."""
        try:
            return percentile_range(self._counts) if self.files else None
        except ValueError:
            return None


def to_8_bits(pixels: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Scale an image of any type so that ``value_range`` becomes 0 and 255; uint8, same shape.

    For the full range of 16 bits, the high byte is kept.

    >>> to_8_bits(np.array([90, 100, 150, 200, 999]), (100, 200))
    array([  0,   0, 128, 255, 255], dtype=uint8)
    >>> to_8_bits(np.array([0, 255, 256, 65535], np.uint16), (0, 65535))
    array([  0,   0,   1, 255], dtype=uint8)
    """
    low, high = value_range
    if (low, high) == FULL and pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    scaled = (pixels.astype(np.float32) - low) * (255 / (high - low))
    return (scaled.clip(0, 255) + 0.5).astype(np.uint8)
