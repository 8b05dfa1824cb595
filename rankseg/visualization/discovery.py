# SPDX-License-Identifier: Apache-2.0
"""Curves of the discoveries of a run: discovered images and wrong labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rankseg.visualization.curves import PANEL, RIGHT, WRONG, finish


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
