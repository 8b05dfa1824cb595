# SPDX-License-Identifier: Apache-2.0
"""Scaling to 8 bits against numpy's percentiles."""

import numpy as np
import pytest

from rankseg.imageio.intensity import percentile_range, to_8_bits, value_counts

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_every_value_is_counted(dtype):
    info = np.iinfo(dtype)
    pages = RNG.integers(info.min, info.max, (3, 20, 30), dtype, endpoint=True)
    counts = value_counts(iter(pages), dtype)
    for value in (info.min, int(pages[1, 2, 3]), 0, info.max):
        assert counts[value - info.min] == (pages == value).sum()
    assert counts.sum() == pages.size


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_range_is_that_of_all_pages_and_not_of_each(dtype):
    pages = np.stack([RNG.normal(mean, 50, (100, 100)) for mean in (500, 3000)]).astype(dtype)
    found = percentile_range(value_counts(pages, dtype), dtype)
    assert found == pytest.approx(np.percentile(pages, (0.1, 99.9)), abs=3)
    assert found[0] < 500 < 3000 < found[1]


def test_a_few_bright_pixels_do_not_darken_the_rest():
    page = RNG.integers(100, 200, (200, 200)).astype(np.uint16)
    page[0, 0] = 60000
    low, high = percentile_range(value_counts([page], page.dtype), page.dtype)
    assert (low, high) == (100, 199)
    assert np.ptp(to_8_bits(page, (low, high))[1:]) == 255


def test_nearly_constant_and_constant_pages():
    page = np.full((100, 100), 7, np.uint16)
    with pytest.raises(ValueError, match="different values, but all .*7"):
        percentile_range(value_counts([page], page.dtype), page.dtype)
    page[0, 0] = 9
    assert percentile_range(value_counts([page], page.dtype), page.dtype) == (7, 9)
