# SPDX-License-Identifier: Apache-2.0
"""Records of label propagation by pass: a file of numbers and a plot."""

from pathlib import Path

import numpy as np

from rankseg.engine.hooks.notes import RunNotes
from rankseg.visualization.curves import draw_weights

BINS = 20


def measure(label: np.ndarray, weight: np.ndarray, truth: np.ndarray) -> dict:
    """Measure the certainty and the accuracy of pseudo-labels.

    Args:
        label: ``(N,)`` classes.
        weight: ``(N,)`` weights in ``[0, 1]``.
        truth: ``(N,)`` true classes, -1 if unknown; for measurements only.

    Returns:
        ``weight``: mean weight. For images with known truth: ``accuracy`` and
        ``accuracy_weighted``, with images counted by their weight, in percent; ``right`` and
        ``wrong``: histograms of the weights of right and wrong labels, in 20 equal bins of
        ``[0, 1]``.
    """
    numbers: dict = {"weight": float(weight.mean())}
    known = truth >= 0
    if known.any():
        right, share = (label == truth)[known], weight[known]
        numbers["accuracy"] = 100 * float(right.mean())
        numbers["accuracy_weighted"] = 100 * float((right * share).sum() / max(share.sum(), 1e-12))
        for name, chosen in (("right", right), ("wrong", ~right)):
            numbers[name] = np.histogram(share[chosen], BINS, (0, 1))[0].tolist()
    return numbers


class PropagationNotes(RunNotes):
    """Writer of ``label_propagation.json`` in the work folder.

    Args:
        folder: The work folder.
        iteration: See the base class.
    """

    def __init__(self, folder: str | Path, iteration: int) -> None:
        super().__init__(Path(folder) / "label_propagation.json", iteration)

    def draw(self) -> None:
        """Plot the weights of the first, the middle and the last pass, if truth is known."""
        known = [note for note in self.notes if "right" in note]
        if known:
            shown = {i: known[i] for i in (0, len(known) // 2, len(known) - 1)}.values()
            panels = {f"pass {note['pass']}": (note["right"], note["wrong"]) for note in shown}
            draw_weights(panels, self.path.with_suffix(".png"))
