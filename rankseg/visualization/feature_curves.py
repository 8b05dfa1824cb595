# SPDX-License-Identifier: Apache-2.0
"""How good features are over a run, as curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from rankseg.visualization.curves import PANEL, finish, line


def draw_feature_curves(
    notes: Sequence[Mapping], path: str | Path, title: str = "accuracy by frozen features (%)"
) -> None:
    """Draw every number over the iterations, but those of the five best classes.

    Args:
        notes: What :class:`~rankseg.engine.hooks.FeatureEvaluationHook` wrote to
            ``features.json``: ``iteration`` and numbers by name.
        path: PNG file.
        title: Of the frame.
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
    """What a number is.

    >>> words("knn20"), words("linear_1%")
    ('20 neighbours', 'linear, 1%')
    """
    if name == "knn1":
        return "nearest neighbour"
    if name.startswith("knn"):
        return f"{name[3:]} neighbours"
    return name.replace("_", ", ", 1)
