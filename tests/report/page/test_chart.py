# SPDX-License-Identifier: Apache-2.0
import math
import xml.etree.ElementTree as ElementTree

import pytest
from rankseg.report.page.chart import (
    HEIGHT,
    MOST_POINTS,
    WIDTH,
    axis,
    chart,
    log_axis,
    running_mean,
    thin,
)


def places(html: str) -> list[list[tuple[float, float]]]:
    """Points of every curve, by the figure's own words."""
    lines = ElementTree.fromstring(html).iter("polyline")
    return [[tuple(map(float, p.split(","))) for p in one.get("points").split()] for one in lines]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0, 0.25, 0.5, 0.75, 1.0]),
        (31.0, 68.0, [30, 40, 50, 60, 70]),
        (5.0, 5.0, [4.6, 4.8, 5.0, 5.2, 5.4]),
        (0.0, 0.0, [0, 0.25, 0.5, 0.75, 1]),
        (94.1, 94.1, [87.5, 90, 92.5, 95, 97.5, 100]),
        (1e-7, 3e-7, [1e-7, 1.5e-7, 2e-7, 2.5e-7, 3e-7]),
    ],
)
def test_ticks_are_round_and_hold_all_values(low, high, ticks):
    first, last, found = axis(low, high)
    assert first <= low and last >= high and (first, last) == (found[0], found[-1])
    assert len(found) <= 7
    assert found == pytest.approx(ticks)


@pytest.mark.parametrize("values", [[0.3, 4.0], [1e-5, 12.0], [0.9, 1.1], [2.0, 2.0]])
def test_a_logarithmic_axis_holds_all_values(values):
    low, high, ticks = log_axis(values)
    assert low <= min(values) and high >= max(values) and 1 <= len(ticks) <= 7


def test_a_curve_is_where_its_values_are():
    html = chart("IoU <b>", {1: [(0, 0.0), (50, 1.0), (100, 0.5)]})
    ((start, top, end),) = places(html)
    assert start[0] < top[0] < end[0] and start[1] > end[1] > top[1]
    assert end[1] == pytest.approx((start[1] + top[1]) / 2, abs=0.1)
    assert top[0] == pytest.approx((start[0] + end[0]) / 2, abs=0.1)
    assert "<b>" not in html and 'class="c1"' in html
    assert "0.5 at iteration 100" in html


def test_everything_stays_inside_whatever_the_values():
    for log in (False, True):
        for values in ([1e-9, 5.0], [3.0], [-2.0, 7.0], [1e5, 1e5]):
            html = chart("x", {0: list(enumerate(values))}, log)
            for x, y in sum(places(html), []):
                assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT


def test_values_that_are_none_leave_no_trace():
    assert chart("x", {0: [(1, math.nan)], 1: []}) == ""
    ((first, last),) = places(chart("x", {0: [(0, 1.0), (1, math.inf), (2, 3.0)]}))
    assert first[0] < last[0]


def test_long_curves_are_thinned_and_smoothed():
    points = [(i, float(i % 2)) for i in range(10 * MOST_POINTS)]
    thinned = thin(points)
    assert len(thinned) == MOST_POINTS and thinned[-1] == (10 * MOST_POINTS - 1, 0.5)
    assert thin(points[:5]) == points[:5]
    raw, smooth = places(chart("x", {0: points[:100]}))
    spread = [max(y for _, y in one[5:-5]) - min(y for _, y in one[5:-5]) for one in (raw, smooth)]
    assert spread[1] < 0.3 * spread[0]
    assert running_mean([(0, 1.0), (1, 3.0), (2, 8.0)]) == [(0, 2.0), (1, 4.0), (2, 5.5)]
