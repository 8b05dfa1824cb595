# SPDX-License-Identifier: Apache-2.0
"""Summary figure of a run: losses, pseudo-labels, learning rate and validations."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rankseg.utils.palette import distinct_colors
from rankseg.utils.run_log import Scalars
from rankseg.visualization.curves import PANEL, finish, line
from rankseg.visualization.groups import MetricGroup, group_scalars

COLUMNS = 3
CYCLE = 10  # colors that matplotlib has before it repeats them
TELLING = ("learning rate", "confident share")  # titles that also name their single curve


def draw_training(scalars: Scalars, path: str | Path, title: str = "") -> None:
    """Draw all metrics of a run, grouped by kind.

    Args:
        scalars: Result of :func:`rankseg.utils.run_log.read_scalars`.
        path: PNG file.
        title: Title of the figure.
    """
    groups = group_scalars(scalars)
    columns = max(1, min(COLUMNS, len(groups)))
    rows = max(1, -(-len(groups) // columns))
    figure = Figure((PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for one in axes:
        one.set_axis_off()
    for one, group in zip(axes, groups, strict=False):
        _draw(one, group)
    figure.suptitle(title, parse_math=False)
    figure.savefig(path, dpi=100, format="png")


def _draw(axes: Axes, group: MetricGroup) -> None:
    if len(group.series) > CYCLE:
        colors = distinct_colors(len(group.series), background=False)
        axes.set_prop_cycle(color=[[channel / 255 for channel in one] for one in colors])
    for name, points in group.series.items():
        line(axes, name, points, linewidth=2 if name == "loss" else 1.2)
    if group.log and any(y > 0 for points in group.series.values() for _, y in points):
        axes.set_yscale("log")
    curves = len(group.series)
    unnamed = curves == 1 and group.title not in TELLING
    finish(axes, group.title, 2 if unnamed else curves, small=curves > 4)
