# SPDX-License-Identifier: Apache-2.0
"""Line charts of all logged values over the iterations, as SVG with the runs overlaid."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from rankseg.report.run_folder import Run
from rankseg.utils.run_log import PSEUDO, Points
from rankseg.visualization.groups import (
    CLASS_PREFIXES,
    DRAWN_CLASSES,
    NETWORKS,
    is_rate,
    of_retrieval,
)

COLORS = ("#2563a8", "#d1570a", "#1f8a5b", "#a03a9a", "#b08900", "#1b93a8", "#c0334d", "#6a6f78")
INK, GRID = "#62666d", "#dfe0dc"
VARIABLES = {color: f"var(--c{i})" for i, color in enumerate(COLORS)}
VARIABLES |= {INK: "var(--soft)", GRID: "var(--line)"}  # of the style sheet, also for dark mode
WIDTH, HEIGHT = 340, 210  # in pixels
AXES = (44 / WIDTH, 24 / HEIGHT, 288 / WIDTH, 176 / HEIGHT)  # left, bottom, width, height
MAX_POINTS = 160  # per curve; longer curves are averaged over neighbors
SMOOTHED = 40  # curves with at least so many points also show their running mean
MARKED = 30  # curves with at most so many points show markers
SHOWN_CLASSES = 6  # charts of more classes are collapsed
MEANS = ("mIoU", "mDice", "top5", "mean_class")
ROUND = (1, 2, 2.5, 5, 10)  # steps between ticks, times a power of ten
METADATA = ("Creator", "Date", "Format", "Type")  # left out, since they name other sites
SVG = "{http://www.w3.org/2000/svg}"


class ChartGroup(NamedTuple):
    """Charts under one heading.

    Attributes:
        title: Heading.
        charts: SVG by title of the chart.
        collapsed: Whether the reader opens the group with a click.
    """

    title: str
    charts: dict[str, str]
    collapsed: bool = False


def chart_groups(runs: Sequence[Run]) -> list[ChartGroup]:
    """Draw small charts grouped by topic, without empty groups."""
    val = _by_name([run.scalars.val for run in runs])
    train = _by_name([run.scalars.train for run in runs])
    main = [run.metric for run in runs if run.metric]
    wanted = [*main, *(n + m for n in NETWORKS for m in main), *MEANS, *of_retrieval(val)]
    metrics = {f"{name} (%)": val[name] for name in dict.fromkeys(wanted) if name in val}
    classes = {n: s for n, s in val.items() if n.startswith(CLASS_PREFIXES)}
    classes = classes if len(classes) <= DRAWN_CLASSES else {}
    losses = {name: series for name, series in train.items() if name.startswith("loss")}
    rates = {name: series for name, series in train.items() if is_rate(name)}
    rest = {chart_title(n): s for n, s in train.items() if n not in losses | rates}
    groups = [
        ChartGroup("Validation", _draw(metrics)),
        ChartGroup("Training", _draw(losses | rest | rates)),
        ChartGroup("Each class", _draw(classes), len(classes) > SHOWN_CLASSES),
    ]
    return [group for group in groups if group.charts]


def chart_title(name: str) -> str:
    """Return the title of a logged value; pseudo-label rates are given in percent."""
    words = name.removeprefix(PSEUDO).replace("_", " ")
    return f"pseudo-labels: {words} (%)" if name.startswith(PSEUDO) else name


def _by_name(runs: Sequence[dict[str, Points]]) -> dict[str, dict[int, Points]]:
    """Regroup values by run into runs by value."""
    names = dict.fromkeys(name for series in runs for name in series)
    return {name: {i: s[name] for i, s in enumerate(runs) if name in s} for name in names}


def _draw(group: dict[str, dict[int, Points]]) -> dict[str, str]:
    """Draw charts by title; losses have a logarithmic axis."""
    drawn = {
        name: draw_chart(name, series, log=name.startswith("loss"), smooth=not is_rate(name))
        for name, series in group.items()
    }
    return {name: svg for name, svg in drawn.items() if svg}


def draw_chart(
    title: str, series: Mapping[int, Points], log: bool = False, smooth: bool = True
) -> str:
    """Draw the curves of one value as an SVG element in the colors of the page.

    Args:
        title: Name of the value, with its unit.
        series: Points by index of the run, which selects the color.
        log: Use a logarithmic axis if all values are positive.
        smooth: Draw the running mean over long curves.

    Returns:
        The element; empty if no value is finite.
    """
    curves = {i: thin([p for p in points if math.isfinite(p[1])]) for i, points in series.items()}
    curves = {i: points for i, points in curves.items() if points}
    values = [y for points in curves.values() for _, y in points]
    if not values:
        return ""
    log = log and min(values) > 0 and max(values) > 3 * min(values)
    figure = Figure((WIDTH / 72, HEIGHT / 72), frameon=False)
    axes = figure.add_axes(AXES, frameon=False)
    for i, points in curves.items():
        color, smoothed = COLORS[i % len(COLORS)], smooth and len(points) >= SMOOTHED
        style = dict(color=color, linewidth=1.7, clip_on=False, markersize=5, markeredgewidth=0)
        faint = dict(linewidth=1, alpha=0.28) if smoothed else {}
        marker = "o" if len(points) <= MARKED else None
        axes.plot(*zip(*points, strict=True), marker=marker, **style | faint)
        if smoothed:
            axes.plot(*zip(*running_mean(points), strict=True), **style)
    axes.set_yscale("log" if log else "linear")
    ticks = round_ticks(min(values), max(values), log)
    axes.set_yticks(ticks, map(short, ticks))
    axes.set_yticks([], minor=True)
    axes.set_ylim(ticks[0], ticks[-1])
    end = max((x for points in curves.values() for x, _ in points)) or 1
    places = [tick for tick in round_ticks(0, end) if tick <= end]
    axes.set_xticks(places, map(short, places))
    axes.set_xlim(0, end)
    axes.grid(axis="y", color=GRID, linewidth=1)
    axes.tick_params(left=False, bottom=False, which="both", labelcolor=INK)
    return _to_svg(figure, title, [p for one in curves.values() if len(one) <= MARKED for p in one])


def _to_svg(figure: Figure, title: str, marked: Points) -> str:
    """Return a figure as SVG in the colors of the style sheet, with a tooltip for every marker."""
    file = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": title, "path.simplify": False}
    with matplotlib.rc_context(settings):
        figure.savefig(file, format="svg", metadata=dict.fromkeys(METADATA))
    svg = ElementTree.fromstring(file.getvalue())
    for name in ("width", "height", "version"):
        svg.attrib.pop(name, None)
    svg.attrib |= {"role": "img", "aria-label": title}
    svg.remove(svg[0])  # a style sheet for the whole page
    for group in svg.iter(f"{SVG}g"):  # names such as "axes_1" would repeat on the page
        group.attrib.pop("id", None)
    for label in svg.iter(f"{SVG}text"):  # the page selects the font
        label.set("style", re.sub(r"font-[^;]*; ", "", label.get("style")))
    for marker, (iteration, value) in zip(svg.iter(f"{SVG}use"), marked, strict=True):
        tooltip = ElementTree.SubElement(marker, f"{SVG}title")
        tooltip.text = f"{value:.4g} at iteration {iteration}"
    ElementTree.register_namespace("", SVG[1:-1])
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    text = ElementTree.tostring(svg, encoding="unicode")
    for color, variable in VARIABLES.items():
        text = text.replace(color, variable)
    return text


def short(value: float) -> str:
    """Format a value for an axis.

    Example:
        >>> [short(value) for value in (0, 0.05, 2000, 120000, 3e-06)]
        ['0', '0.05', '2k', '120k', '3e-06']
    """
    if abs(value) >= 1000:
        return f"{value / 1000:g}k" if abs(value) < 1e6 else f"{value / 1e6:g}M"
    return f"{value:g}"


def round_ticks(low: float, high: float, log: bool = False) -> list[float]:
    """Return the round ticks of an axis; the first and the last enclose all values.

    Example:
        >>> round_ticks(31.0, 68.0)
        [30.0, 40.0, 50.0, 60.0, 70.0]
    """
    if log:
        locator = LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,), numticks=8)
    elif high - low < 1e-12 * max(1.0, abs(high)):  # a single value: keep zero at the bottom
        return round_ticks(low - abs(low) / 20, high + (abs(high) / 20 or 1))
    else:
        locator = MaxNLocator(5, steps=ROUND)
    ticks = [float(f"{tick:.12g}") for tick in locator.tick_values(low, high)]
    slack = [0.001 * (abs(end) if log else min(abs(end), high - low)) for end in (low, high)]
    first = max((tick for tick in ticks if tick <= low + slack[0]), default=low)
    last = min((tick for tick in ticks if tick >= high - slack[1]), default=high)
    return [tick for tick in ticks if first <= tick <= last]


def thin(points: Points) -> Points:
    """Reduce a curve to at most :data:`MAX_POINTS` points by averaging neighbors."""
    width = -(-len(points) // MAX_POINTS)
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
