# SPDX-License-Identifier: Apache-2.0
"""Pictures of more than 8 bits as 8 bits, by one rule for all of them."""

from collections.abc import Iterable

import numpy as np

LOW, HIGH = 0.1, 99.9
"""Percent of all pixels of a stack that may be darker than black, and that may not be brighter
than white."""

RULE = f"linear from the {LOW} to the {HIGH} percentile of the whole stack to 0..255, rounded"


def value_counts(pages: Iterable[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """How often every value occurs in all pages together.

    Args:
        pages: Whole numbers of 8 or 16 bits, of any shape.
        dtype: Their type.

    Returns:
        ``(n,)`` int64 for the values from the smallest to the largest of the type.
    """
    info = np.iinfo(dtype)
    counts = np.zeros(info.max - info.min + 1, np.int64)
    for page in pages:
        counts += np.bincount(page.astype(np.int32).ravel() - info.min, minlength=len(counts))
    return counts


def percentile_range(counts: np.ndarray, dtype: np.dtype) -> tuple[int, int]:
    """The values that become 0 and 255, see :data:`RULE`.

    Args:
        counts: From :func:`value_counts`.
        dtype: Type of the values.

    Raises:
        ValueError: If all pixels have one value.
    """
    share = 100 * np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(share, percent)) for percent in (LOW, HIGH))
    if low == high:  # nearly all pixels are the same
        low, high = (int(i) for i in np.flatnonzero(counts)[[0, -1]])
    if low == high:
        raise ValueError(
            f"all pixels have the value {low + np.iinfo(dtype).min}: expected a picture"
        )
    return low + int(np.iinfo(dtype).min), high + int(np.iinfo(dtype).min)


def to_8_bits(pixels: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Scale a picture of any type so that ``value_range`` becomes 0 and 255; uint8, same shape.

    >>> to_8_bits(np.array([90, 100, 150, 200, 999]), (100, 200))
    array([  0,   0, 128, 255, 255], dtype=uint8)
    """
    low, high = value_range
    scaled = (pixels.astype(np.float32) - low) * (255 / (high - low))
    return (scaled.clip(0, 255) + 0.5).astype(np.uint8)
