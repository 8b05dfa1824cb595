# SPDX-License-Identifier: Apache-2.0
"""Curves of the quality of features over a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from rankseg.visualization.curves import PANEL, finish, line


def draw_feature_curves(
    notes: Sequence[Mapping], path: str | Path, title: str = "accuracy by frozen features (%)"
) -> None:
    """Draw every metric over the iterations, except top-5 accuracies.

    Args:
        notes: Records that :class:`~rankseg.engine.hooks.FeatureEvaluationHook` writes to
            ``features.json``: ``iteration`` and values by name.
        path: PNG file.
        title: Title of the axes.
    """
    figure = Figure((1.5 * PANEL[0], 1.2 * PANEL[1]), layout="constrained")
    axes = figure.subplots()
    names = dict.fromkeys(name for note in notes for name in note)
    names = [name for name in names if name != "iteration" and not name.endswith("_top5")]
    for name in names:
        points = [(note["iteration"], note.get(name)) for note in notes]
        line(axes, words(name), points)
    finish(axes, title, curves=1)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=100, format="png")


def words(name: str) -> str:
    """Return a readable name of a metric.

    >>> words("knn20"), words("linear_1%")
    ('20 neighbors', 'linear, 1%')
    """
    if name == "knn1":
        return "nearest neighbor"
    if name.startswith("knn"):
        return f"{name[3:]} neighbors"
    return name.replace("_", ", ", 1)
