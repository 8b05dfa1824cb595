# SPDX-License-Identifier: Apache-2.0
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from rankseg.report.charts import (
    COLORS,
    HEIGHT,
    MAX_POINTS,
    SVG,
    WIDTH,
    draw_chart,
    round_ticks,
    running_mean,
    thin,
)


def curves(svg: str) -> list[list[tuple[float, float]]]:
    """Points of every curve in drawing order."""
    paths = [
        path.get("d")
        for path in ElementTree.fromstring(svg).iter(f"{SVG}path")
        if "var(--c" in path.get("style", "")
    ]
    return [
        [(float(x), float(y)) for x, y in re.findall(r"[ML] (\S+) (\S+)", path)] for path in paths
    ]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (31.0, 68.0, [30, 40, 50, 60, 70]),
        (5.0, 5.0, [4.7, 4.8, 4.9, 5.0, 5.1, 5.2, 5.3]),
        (0.0, 0.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (94.1, 94.1, [88, 90, 92, 94, 96, 98, 100]),
        (1e-7, 3e-7, [1e-7, 1.5e-7, 2e-7, 2.5e-7, 3e-7]),
    ],
)
def test_ticks_are_round_and_enclose_all_values(low, high, ticks):
    assert round_ticks(low, high) == pytest.approx(ticks)


def test_ticks_enclose_values_that_hardly_differ():
    low, high = 1.3636505, 1.3648719
    ticks = round_ticks(low, high)
    assert ticks[0] == pytest.approx(low, abs=2e-4) and ticks[-1] == pytest.approx(high, abs=2e-4)
    assert ticks[0] <= low < high <= ticks[-1] and 4 <= len(ticks) <= 7


@pytest.mark.parametrize(
    ("low", "high"), [(0.3, 4.0), (1e-5, 12.0), (0.9, 3.1), (1, 900), (3e-9, 7)]
)
def test_logarithmic_ticks_enclose_all_values(low, high):
    ticks = round_ticks(low, high, log=True)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 9


def test_draws_curves_at_their_values():
    svg = draw_chart("IoU <b>", {1: [(0, 0.0), (50, 1.0), (100, 0.5)]})
    ((start, top, end),) = curves(svg)
    assert start[0] < top[0] < end[0] and start[1] > end[1] > top[1]
    assert end[1] == pytest.approx((start[1] + top[1]) / 2, abs=0.1)
    assert top[0] == pytest.approx((start[0] + end[0]) / 2, abs=0.1)
    assert "<b>" not in svg and "IoU &lt;b&gt;" in svg
    assert "0.5 at iteration 100" in svg and svg.count("</title>") == 3


def test_uses_only_the_colors_of_the_page_and_repeats_no_name():
    series = {i: [(0, 1.0), (9, 2.0 + i)] for i in range(len(COLORS) + 1)}
    svg = draw_chart("x", series)
    assert "#" not in re.sub(r'"#m\w+"|url\(#\w+\)', "", svg) and "<style" not in svg
    assert all(f"var(--c{i})" in svg for i in range(len(COLORS)))
    names = re.findall(r' id="(\w+)"', svg + draw_chart("y", series))
    assert len(set(names)) == len(names)
    assert draw_chart("x", series) == svg


def test_stays_inside_the_picture():
    for log in (False, True):
        for values in ([1e-9, 5.0], [3.0], [-2.0, 7.0], [1e5, 1e5]):
            svg = draw_chart("x", {0: list(enumerate(values))}, log)
            for x, y in sum(curves(svg), []):
                assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT


def test_skips_values_that_are_not_finite():
    assert draw_chart("x", {0: [(1, math.nan)], 1: []}) == ""
    ((first, last),) = curves(draw_chart("x", {0: [(0, 1.0), (1, math.inf), (2, 3.0)]}))
    assert first[0] < last[0]


def test_thins_and_smooths_long_curves():
    points = [(i, float(i % 2)) for i in range(10 * MAX_POINTS)]
    thinned = thin(points)
    assert len(thinned) == MAX_POINTS and thinned[-1] == (10 * MAX_POINTS - 1, 0.5)
    assert thin(points[:5]) == points[:5]
    raw, smooth = curves(draw_chart("x", {0: points[:100]}))
    ranges = [max(y for _, y in one[5:-5]) - min(y for _, y in one[5:-5]) for one in (raw, smooth)]
    assert ranges[1] < 0.3 * ranges[0]
    assert running_mean([(0, 1.0), (1, 3.0), (2, 8.0)]) == [(0, 2.0), (1, 4.0), (2, 5.5)]
