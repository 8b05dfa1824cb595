# SPDX-License-Identifier: Apache-2.0
"""Curves of pseudo-labels and of discoveries over a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LINES = {
    "confident_accuracy": "accuracy of confident pseudo-labels",
    "accuracy": "accuracy of all pseudo-labels",
    "confident": "share of confident pseudo-labels",
}
NAMED_CLASSES = 20  # more names do not fit beside a picture
PANEL = (4.2, 3.2)  # inches
RIGHT, WRONG = "tab:blue", "tab:red"


def draw_pseudo_labels(runs: Mapping[str, Mapping], path: str | Path) -> None:
    """Draw the pseudo-labels of one or more runs: a row of curves, and below the classes by run.

    Args:
        runs: Content of ``pseudo_labels.json`` by name of the run, as written by
            :class:`~rankseg.engine.hooks.PseudoLabelHook`: ``history`` with the values of
            :meth:`~rankseg.models.layers.PseudoLabelQuality.compute` by ``iteration``,
            ``validations``, and ``classes``.
        path: PNG file.
    """
    columns = max(len(LINES) + 1, len(runs))
    figure = Figure((PANEL[0] * columns, 2 * PANEL[1]), layout="constrained")
    axes = figure.subplots(2, columns, squeeze=False)
    for one in axes.flat:
        one.set_axis_off()
    for one, (key, title) in zip(axes[0], LINES.items(), strict=False):
        for name, run in runs.items():
            line(one, name, [(e["iteration"], e[key]) for e in run["history"]])
        finish(one, f"{title} (%)", len(runs))
    last = axes[0][len(LINES)]
    metrics = {run["metric"] for run in runs.values() if run["validations"]}
    for name, run in runs.items():
        line(last, name, run["validations"])
    if metrics:
        finish(last, f"validation {' and '.join(sorted(metrics))} (%)", len(runs))
    for one, (name, run) in zip(axes[1], runs.items(), strict=False):
        _classes(figure, one, name, run)
    figure.savefig(path, dpi=100)


def draw_weights(
    panels: Mapping[str, tuple[Sequence[int], Sequence[int]]], path: str | Path
) -> None:
    """Draw histograms of the weights of correct and wrong pseudo-labels.

    Args:
        panels: Counts of correct and of wrong pseudo-labels in equal intervals of the weight from 0
            to 1, by title, for example a pass.
        path: PNG file.

    Source: Iscen et al. (CVPR 2019), figure 5.
    """
    figure = Figure((PANEL[0] * len(panels), PANEL[1]), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for one, (title, counts) in zip(axes, panels.items(), strict=True):
        for heights, label, color in zip(counts, ("right", "wrong"), (RIGHT, WRONG), strict=True):
            edges = np.linspace(0, 1, len(heights) + 1)
            one.stairs(heights, edges, fill=True, label=label, color=color, alpha=0.6)
        one.set_title(title)
        one.set_xlabel("weight")
    axes[0].set_ylabel("pseudo-labels")
    axes[0].legend()
    figure.savefig(path, dpi=100)


def draw_discovery(notes: Sequence[dict], path: str | Path) -> None:
    """Draw the discoveries of a run, with one line per generation.

    Args:
        notes: Records of :func:`rankseg.engine.hooks.discovery_map.measure`, with ``iteration``,
            ``generation`` and ``step`` from 1. Records without known truth have no ``wrong``.
        path: PNG file.

    Source: Snowball (dissertation, chapter 2), figure 2.6, right.
    """
    figure = Figure((2.4 * PANEL[0], PANEL[1]), layout="constrained")
    left, right = figure.subplots(1, 2)
    at = np.arange(len(notes))
    new = np.array([note["new"] for note in notes], float)
    wrong = np.array([note.get("wrong", 0) for note in notes], float)
    names = [f"{note['generation']}.{note['step']}" for note in notes]
    known = any("wrong" in note for note in notes)
    left.bar(at, new - wrong, color=RIGHT, alpha=0.6, label="right" if known else "discovered")
    if known:
        left.bar(at, wrong, bottom=new - wrong, color=WRONG, alpha=0.6, label="wrong")
        for key, label, color in (("pool_error", "all so far", "0.5"), ("error", "new", WRONG)):
            for generation in sorted({note["generation"] for note in notes}):
                rows = [i for i in at if notes[i]["generation"] == generation]
                values = [notes[i].get(key) for i in rows]
                values = [np.nan if value is None else value for value in values]
                first = generation == notes[0]["generation"]
                right.plot(
                    rows,
                    values,
                    marker="o",
                    markersize=4,
                    color=color,
                    label=label if first else None,
                )
    finish(left, "newly discovered images", 2)
    finish(right, "wrong labels (%)", 2 * known)
    right.margins(y=0.12)
    right.set_ylim(bottom=0)
    every = -(-len(notes) // 12)  # more names would overlap
    for one in (left, right):
        one.set_xlim(-0.6, len(notes) - 0.4)
        one.set_xlabel("generation.iteration")
        one.set_xticks(at[::every], names[::every])
        for i in at[1:]:
            if notes[i]["generation"] != notes[i - 1]["generation"]:
                one.axvline(i - 0.5, color="0.6", lw=0.8, ls=":")
    figure.savefig(path, dpi=100, format="png")


def line(
    axes: Axes, name: str, points: Sequence[tuple[int, float | None]], linewidth: float = 1.5
) -> None:
    """Draw one curve; points without a value leave a gap."""
    values = [np.nan if value is None else value for _, value in points]
    marker = "." if len(points) < 30 else ""
    label = legible(name)
    axes.plot([at for at, _ in points], values, label=label, marker=marker, linewidth=linewidth)


def legible(name: str) -> str:
    """Escape a name so that matplotlib does not parse it as math or omit it from the legend.

    Example:
        >>> legible("_background_"), legible("5$")
        (' _background_', '5\\\\$')
    """
    return (f" {name}" if name.startswith("_") else name).replace("$", r"\$")


def finish(axes: Axes, title: str, curves: int, small: bool = False) -> None:
    """Add title, grid and, for more than one curve, a legend below the plot."""
    axes.set_axis_on()
    axes.set_title(title)
    axes.set_xlabel("iteration")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    if curves > 1:
        size, columns = ("x-small", 3) if small else ("small", min(curves, 2))
        below = dict(loc="upper center", bbox_to_anchor=(0.5, -0.2))  # covers no curve
        axes.legend(**below, fontsize=size, ncols=columns, frameon=False)


def _classes(figure: Figure, axes: Axes, name: str, run: Mapping) -> None:
    """Draw the share of every class among confident pseudo-labels over the run as a heat map."""
    history, classes = run["history"], run["classes"]
    if not history or not classes:
        return
    blank = [np.nan] * len(classes)
    shares = np.array([entry["labels"] or blank for entry in history], float).T
    at = [entry["iteration"] for entry in history]
    extent = (2 * at[0] - at[1] if len(at) > 1 else 0, at[-1], len(classes) - 0.5, -0.5)
    image = axes.imshow(shares, aspect="auto", interpolation="nearest", extent=extent, vmin=0)
    figure.colorbar(image, ax=axes)
    axes.set_axis_on()
    axes.set_title(f"{name}: confident pseudo-labels by class (%)")
    axes.set_xlabel("iteration")
    if len(classes) <= NAMED_CLASSES:
        axes.set_yticks(range(len(classes)), classes)
