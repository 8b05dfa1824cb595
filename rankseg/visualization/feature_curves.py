# SPDX-License-Identifier: Apache-2.0
"""How good features are over a run, as curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from rankseg.visualization.curves import PANEL, finish, line


def draw_feature_curves(
    notes: Sequence[Mapping], path: str | Path, title: str = "accuracy by frozen features (%)"
) -> None:
    """Draw every number over the iterations.

    Args:
        notes: What :class:`~rankseg.engine.hooks.FeatureEvaluationHook` wrote to
            ``features.json``: ``iteration`` and numbers by name.
        path: PNG file.
        title: Of the frame.
    """
    figure = Figure((1.5 * PANEL[0], 1.2 * PANEL[1]), layout="constrained")
    axes = figure.subplots()
    names = dict.fromkeys(name for note in notes for name in note if name != "iteration")
    for name in names:
        points = [(note["iteration"], note.get(name)) for note in notes]
        line(axes, words(name), points)
    finish(axes, title, max(2, len(names)))
    figure.savefig(path, dpi=100, format="png")


def words(name: str) -> str:
    """What a number is.

    >>> words("knn20"), words("linear_1%_top5")
    ('20 neighbours', 'linear, 1%, top5')
    """
    if name == "knn1":
        return "nearest neighbour"
    if name.startswith("knn"):
        return f"{name[3:]} neighbours"
    return name.replace("_", ", ")
