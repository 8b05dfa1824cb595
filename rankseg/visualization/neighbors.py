# SPDX-License-Identifier: Apache-2.0
"""Plots of features over a run: their accuracy, and rank and purity of constrained neighbors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rankseg.visualization.curves import PANEL, finish, line

SHOWN = 100  # largest rank of a histogram, as in the paper
PURITIES = {
    "nearest": "nearest",
    "constrained": "nearest of the constrained",
    "as_far": "as many as these are far",
}


def count_ranks(ranks: Sequence[int]) -> list[int]:
    """Count the ranks from 0, no neighbor, to 100, and last all larger ones.

    >>> counts = count_ranks([0, 1, 1, 100, 101, 5000])
    >>> counts[:3], counts[100:]
    ([1, 2, 0], [1, 2])
    """
    return np.bincount(np.minimum(ranks, SHOWN + 1), minlength=SHOWN + 2).tolist()


def draw_ranks(panels: Mapping[str, Sequence[int]], path: str | Path) -> None:
    """Draw histograms of ranks up to 100, with the share of larger ranks in the title.

    Args:
        panels: Counts of :func:`count_ranks` by title, for example an iteration.
        path: PNG file.

    Source: CMSF (ECCV 2022), Table 1 (right).
    """
    figure = Figure((PANEL[0] * len(panels), PANEL[1]), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for one, (title, counts) in zip(axes, panels.items(), strict=True):
        shares = 100 * np.array(counts[1:]) / max(1, sum(counts[1:]))
        one.bar(range(1, SHOWN + 1), shares[:SHOWN], width=1.0)
        one.set_title(f"{title}\n{shares[SHOWN]:.0f}% beyond {SHOWN}")
        one.set_xlabel("rank among all")
        one.set_xlim(0, SHOWN + 1)
        one.grid(alpha=0.3)
    axes[0].set_ylabel("queries (%)")
    figure.savefig(path, dpi=100, format="png")


def draw_purity(notes: Sequence[Mapping], path: str | Path) -> None:
    """Draw purity and median rank over a run.

    Args:
        notes: Records of :class:`~rankseg.engine.hooks.NeighborPurityHook`, with ``iteration``,
            ``nearest``, ``constrained``, ``as_far`` in percent and ``median_rank``.
        path: PNG file.

    Source: CMSF (ECCV 2022), Figure 5.
    """
    figure = Figure((2 * PANEL[0], PANEL[1]), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, label in PURITIES.items():
        line(left, label, [(note["iteration"], note[name]) for note in notes])
    finish(left, "neighbors of the query's class (%)", curves=1)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    line(right, "rank", [(note["iteration"], note["median_rank"]) for note in notes])
    ranks = [note["median_rank"] for note in notes]
    right.set_ylim(0, 1.1 * np.nanmax([1.0, *ranks]))
    finish(right, "median rank of the last constrained one", 1)
    figure.savefig(path, dpi=100, format="png")


def draw_feature_curves(notes: Sequence[Mapping], path: str | Path) -> None:
    """Draw every metric over the iterations, except top-5 accuracies.

    Args:
        notes: Records that :class:`~rankseg.engine.hooks.FeatureEvaluationHook` writes to
            ``features.json``: ``iteration`` and values by name.
        path: PNG file.
    """
    figure = Figure((1.5 * PANEL[0], 1.2 * PANEL[1]), layout="constrained")
    axes = figure.subplots()
    names = dict.fromkeys(name for note in notes for name in note)
    names = [name for name in names if name != "iteration" and not name.endswith("_top5")]
    for name in names:
        points = [(note["iteration"], note.get(name)) for note in notes]
        line(axes, words(name), points)
    finish(axes, "accuracy by frozen features (%)", curves=1)
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
