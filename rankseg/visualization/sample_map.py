# SPDX-License-Identifier: Apache-2.0
"""Maps of labeled, discovered and wrongly discovered samples among all samples."""

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from rankseg.visualization.curves import legible

SIDE = 4.6  # side of a map, in inches
ALONE = 6.2  # side of a single map
LEGEND = 0.45  # height of a line of the legend, in inches
NAMED_CLASSES = 20  # more names would hide the samples


class SampleKind(IntEnum):
    """Kind of a sample, in drawing order."""

    UNLABELED = 0
    EARLIER = 1
    """Discovered in a round before this one."""
    RIGHT = 2
    """Discovered in this round with its true label, or with unknown truth."""
    LABELED = 3
    WRONG = 4
    """Discovered, in any round, with a wrong label."""
    CENTER = 5
    """Center of a class, not a sample."""


STYLES: dict[SampleKind, dict[str, Any]] = {
    SampleKind.UNLABELED: dict(label="unlabeled", c="#c9c9c9", s=6, linewidths=0),
    SampleKind.EARLIER: dict(label="discovered before", c="#4a90d9", s=14, linewidths=0, alpha=0.8),
    SampleKind.RIGHT: dict(label="newly discovered", c="#d62728", s=16, linewidths=0, alpha=0.8),
    SampleKind.LABELED: dict(
        label="labeled", c="#2ca02c", s=22, edgecolors="white", linewidths=0.4
    ),
    SampleKind.WRONG: dict(label="discovered wrongly", c="black", s=18, marker="D", linewidths=0),
    SampleKind.CENTER: dict(
        label="class center", c="#2ca02c", s=110, edgecolors="black", linewidths=1.3
    ),
}


class SampleMap(NamedTuple):
    """Samples of one map.

    Attributes:
        points: ``(N, 2)``, from :func:`~rankseg.visualization.to_plane`.
        kind: ``(N,)`` values of :class:`SampleKind`.
        label: ``(N,)`` class ids, for discovered samples the assigned ones; -1 for none.
        title: Title of the map.
    """

    points: np.ndarray
    kind: np.ndarray
    label: np.ndarray
    title: str = ""


def draw_sample_map(
    path: str | Path,
    points: np.ndarray,
    kind: np.ndarray | None,
    label: np.ndarray,
    classes: Sequence[str],
    title: str = "",
) -> None:
    """Draw samples as points of a plane.

    Args:
        path: PNG file.
        points: ``(N, 2)``, from :func:`~rankseg.visualization.to_plane`.
        kind: ``(N,)`` values of :class:`SampleKind`, which determine the colors. None colors all
            samples by class (LMCS, figure 3.7).
        label: ``(N,)`` class ids; -1 for none.
        classes: Names in id order.
        title: Title of the figure.

    Raises:
        ValueError: If the arrays do not have the same length.

    Source: Snowball, figure 2.2; LMCS, figures 3.6 and 3.7.
    """
    if kind is not None:
        draw_sample_maps(path, [SampleMap(points, kind, label)], classes, title=title)
        return
    _check(SampleMap(points, np.zeros(len(points), int), label))
    figure = Figure((ALONE * 1.25, ALONE), layout="constrained")
    axes = figure.subplots()
    colors = colormaps["tab10" if len(classes) <= 10 else "turbo"]
    for number, name in enumerate(classes):
        place = number if len(classes) <= 10 else number / (len(classes) - 1)
        own = points[label == number]
        if len(own):
            axes.scatter(*own.T, s=8, linewidths=0, color=colors(place), label=legible(name))
    _bare(axes)
    if len(classes) <= NAMED_CLASSES and axes.collections:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), markerscale=2.5, frameon=False)
    figure.suptitle(title, parse_math=False)
    figure.savefig(path, dpi=110, format="png")


def draw_sample_maps(
    path: str | Path,
    maps: Sequence[SampleMap],
    classes: Sequence[str],
    rows: Sequence[int] | None = None,
    title: str = "",
) -> None:
    """Draw maps side by side, for example of the rounds of a run.

    Args:
        path: PNG file.
        maps: Maps, one per column.
        classes: Names in id order.
        rows: Class ids, each of which gets a row with the samples of that label only. None draws
            one row with all samples.
        title: Title of the figure.

    Raises:
        ValueError: If there is no map, or the arrays of a map do not have the same length.

    Source: Snowball, figures 2.2 (one row) and 2.4 (two classes).
    """
    if not maps:
        raise ValueError(
            "Expected maps of draw_sample_maps to have one or more entries, but got none."
        )
    for one in maps:
        _check(one)
    shown = [None] if rows is None else list(rows)
    side = SIDE if len(maps) > 1 else ALONE
    size = side * len(maps), side * len(shown) + LEGEND + 0.3 * bool(title)
    figure = Figure(size, layout="constrained")
    grid = figure.subplots(len(shown), len(maps), squeeze=False)
    for line, number in zip(grid, shown, strict=True):
        for axes, one in zip(line, maps, strict=True):
            _draw(axes, one, classes, number)
        if number is not None:
            line[0].set_ylabel(legible(classes[number]))
    for axes, one in zip(grid[0], maps, strict=True):
        axes.set_title(one.title, parse_math=False)
    found = {
        text: handle
        for axes in grid.flat
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    texts = [style["label"] for style in STYLES.values() if style["label"] in found]
    if texts:
        figure.legend(
            [found[text] for text in texts],
            texts,
            loc="outside lower center",
            ncols=len(texts) if len(maps) > 2 else 3,  # a single line is wider than two maps
            frameon=False,
        )
    figure.suptitle(title, parse_math=False)
    figure.savefig(path, dpi=110, format="png")


def _draw(axes: Axes, one: SampleMap, classes: Sequence[str], number: int | None) -> None:
    """Draw the samples of one map, the important ones on top."""
    mine = np.ones(len(one.points), bool) if number is None else one.label == number
    for kind, style in STYLES.items():
        chosen = mine & (one.kind == kind)
        if chosen.any():
            axes.scatter(*one.points[chosen].T, zorder=2 + kind, **style)
        if kind == SampleKind.CENTER and number is None and len(classes) <= NAMED_CLASSES:
            for at, label in zip(one.points[chosen], one.label[chosen], strict=True):
                axes.annotate(
                    legible(classes[label]),
                    at,
                    xytext=(0, 8),
                    textcoords="offset points",
                    ha="center",
                    fontsize=9,
                    zorder=9,
                    path_effects=[withStroke(linewidth=2.5, foreground="white")],
                )
    _bare(axes)


def _bare(axes: Axes) -> None:
    """Remove the ticks, since coordinates of the plane have no meaning."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.04)


def _check(one: SampleMap) -> None:
    shapes = [np.shape(array) for array in one[:3]]
    rows = shapes[0][0] if shapes[0] else 0
    if shapes != [(rows, 2), (rows,), (rows,)]:
        raise ValueError(
            "Expected points, kind and label of a sample map of the shapes (N, 2), (N,) and (N,), "
            f"but got {shapes}."
        )
