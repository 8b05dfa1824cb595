# SPDX-License-Identifier: Apache-2.0
"""Line charts as inline SVG, in the colors of the page."""

import math
from collections.abc import Callable, Mapping, Sequence

from rankseg.report.page.html import COLOURS, Html, join, tag, text
from rankseg.utils.run_log import Points

WIDTH, HEIGHT = 340, 210
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 24  # margins around the curves
MOST_POINTS = 160  # per curve; longer curves are averaged over neighbors
SMOOTHED = 40  # curves with at least so many points also show their running mean
MARKED = 30  # curves with at most so many points show markers


def chart(title: str, series: Mapping[int, Points], log: bool = False, smooth: bool = True) -> Html:
    """Draw the curves of one number.

    Args:
        title: Name of the number, with its unit.
        series: Points by index of the run, which selects the color.
        log: Use a logarithmic axis if all values are positive.
        smooth: Draw the running mean over long curves.
    """
    series = {
        run: thin([p for p in points if math.isfinite(p[1])]) for run, points in series.items()
    }
    values = [y for points in series.values() for _, y in points]
    if not values:
        return Html("")
    log = log and min(values) > 0 and max(values) > 3 * min(values)
    scale = math.log10 if log else float
    low, high, ticks = log_axis(values) if log else axis(min(values), max(values))
    end = max((x for points in series.values() for x, _ in points), default=1) or 1
    _, last, marks = axis(0, end)
    last = end if end > marks[-1] else last

    def at(x: float, y: float) -> tuple[float, float]:
        share = (scale(y) - scale(low)) / ((scale(high) - scale(low)) or 1)
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / last
        return across, HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    pieces = [_horizontal(at(0, tick)[1], tick) for tick in ticks]
    pieces += [_below(at(mark, low)[0], mark) for mark in marks if mark <= last]
    pieces += [_curve(run, points, at, smooth) for run, points in series.items() if points]
    picture = tag("svg", *pieces, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=title)
    return tag("figure", tag("figcaption", title), picture, class_="chart")


def _horizontal(y: float, value: float) -> Html:
    line = tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=_n(y), y2=_n(y), class_="axis")
    return join([line, tag("text", short(value), x=LEFT - 6, y=_n(y + 4), text_anchor="end")])


def _below(x: float, value: float) -> Html:
    anchor = "end" if x > WIDTH - RIGHT - 12 else "middle"
    return tag("text", short(value), x=_n(x), y=HEIGHT - 6, text_anchor=anchor)


def _curve(run: int, points: Points, at: Callable, smooth: bool) -> Html:
    places = [at(*point) for point in points]
    smooth = smooth and len(points) >= SMOOTHED
    pieces = [_line(places, "raw" if smooth else None)]
    if smooth:
        pieces.append(_line([at(*point) for point in running_mean(points)], None))
    if len(points) <= MARKED:
        for (x, y), (iteration, value) in zip(places, points, strict=True):
            said = tag("title", f"{value:.4g} at iteration {iteration}")
            pieces.append(tag("circle", said, cx=_n(x), cy=_n(y), r=2.6))
    return tag("g", *pieces, class_=f"c{run % COLOURS}")


def _line(places: Sequence[tuple[float, float]], class_: str | None) -> Html:
    return tag("polyline", points=" ".join(f"{_n(x)},{_n(y)}" for x, y in places), class_=class_)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def short(value: float) -> Html:
    """Format a number for an axis.

    Example:
        >>> [str(short(value)) for value in (0, 0.05, 2000, 120000, 3e-06)]
        ['0', '0.05', '2k', '120k', '3e-06']
    """
    if abs(value) >= 1000:
        return text(f"{value / 1000:g}k" if abs(value) < 1e6 else f"{value / 1e6:g}M")
    return text(f"{value:g}")


def axis(low: float, high: float, steps: int = 4) -> tuple[float, float, list[float]]:
    """Return the first and last value of an axis and about ``steps`` round ticks.

    Example:
        >>> axis(31.0, 68.0)
        (30.0, 70.0, [30.0, 40.0, 50.0, 60.0, 70.0])
    """
    if high - low < 1e-12 * max(1.0, abs(high)):  # a single value: keep zero at the bottom
        low, high = low - abs(low) / 20, high + (abs(high) / 20 or 1)
    rough = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(i * step, 12) for i in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def log_axis(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Return the same for a logarithmic axis: powers of ten, with 2 and 5 between if few."""
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    few = len(powers) <= 3
    ticks = [m * 10.0**p for p in powers for m in ((1, 2, 5) if few else (1,))]
    low = max((tick for tick in ticks if tick <= low * 1.001), default=low)
    high = min((tick for tick in ticks if tick >= high * 0.999), default=high)
    ticks = [tick for tick in ticks if low <= tick <= high]
    return low, high, ticks[:: -(-len(ticks) // 7)]


def thin(points: Points) -> Points:
    """Reduce a curve to at most :data:`MOST_POINTS` points by averaging neighbors."""
    width = -(-len(points) // MOST_POINTS)
    if width <= 1:
        return points
    parts = [points[i : i + width] for i in range(0, len(points), width)]
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in parts]


def running_mean(points: Points) -> Points:
    """Average each point with its neighbors, over a window of one eighth of all points."""
    half = max(1, len(points) // 16)
    windows = [points[max(0, i - half) : i + half + 1] for i in range(len(points))]
    means = [sum(y for _, y in window) / len(window) for window in windows]
    return [(x, mean) for (x, _), mean in zip(points, means, strict=True)]
