# SPDX-License-Identifier: Apache-2.0
"""Numbers and maps of discovered images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rankseg.selection.discovery import Evidence, Selection
from rankseg.selection.discovery.centers import class_centers
from rankseg.visualization import SampleKind, draw_sample_map, to_plane

OTHERS = 2000
"""Number of evenly spaced unlabeled images on a map."""


def measure(
    new: np.ndarray, truth: np.ndarray, pool: np.ndarray, pool_truth: np.ndarray, num_classes: int
) -> dict:
    """Count ``(N,)`` new images and ``(P,)`` of the pool by class and measure the errors of labels.

    Returns:
        ``new`` and ``pool``: numbers of images. ``classes``: number of new images by assigned
        class. For images with known truth (not -1): ``wrong``: number of new images with a wrong
        label; ``error`` and ``pool_error``: share of wrong labels in percent.
    """
    counts = np.bincount(new, minlength=num_classes)
    numbers: dict = {"new": len(new), "pool": len(pool), "classes": counts.tolist()}
    if len(known := np.flatnonzero(truth >= 0)):
        numbers["wrong"] = int((new != truth)[known].sum())
        numbers["error"] = 100 * numbers["wrong"] / len(known)
    if len(known := np.flatnonzero(pool_truth >= 0)):
        numbers["pool_error"] = 100 * float((pool != pool_truth)[known].mean())
    return numbers


def draw_map(
    folder: Path,
    note: dict,
    projection: str,
    evidence: Evidence,
    selection: Selection,
    truth: np.ndarray,
    classes: Sequence[str],
) -> None:
    """Draw labeled, discovered and some other images after a discovery.

    ``truth`` are the ``(L + U,)`` true classes of the images labeled or discovered before, then of
    the candidates; -1 if unknown.
    """
    feature, kind, label = points_of(evidence, selection, truth)
    folder.mkdir(exist_ok=True)
    title = f"generation {note['generation']}, iteration {note['step']}: {note['new']} new"
    if "error" in note:
        title += f", {note['error']:.1f}% of them wrong"
    path = folder / f"generation{note['generation']}_iteration{note['step']}.png"
    draw_sample_map(path, to_plane(feature, projection), kind, label, classes, title)


def points_of(
    evidence: Evidence, selection: Selection, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, kinds and labels of a map; arguments as in :func:`draw_map`.

    The order is: labeled, discovered before, discovered now, some of the others, class centers.
    """
    known, given = len(evidence.label), evidence.num_given
    rest = np.setdiff1d(np.arange(len(evidence.candidates)), selection.row)
    rest = rest[:: max(1, -(-len(rest) // OTHERS))]
    centers = class_centers(evidence.labeled, evidence.label, evidence.num_classes)
    there = np.flatnonzero(~np.isnan(centers).any(1))
    parts = [
        (evidence.labeled[:given], SampleKind.LABELED, evidence.label[:given]),
        (evidence.labeled[given:], SampleKind.EARLIER, evidence.label[given:]),
        (evidence.candidates[selection.row], SampleKind.RIGHT, selection.label),
        (evidence.candidates[rest], SampleKind.UNLABELED, np.full(len(rest), -1)),
        (centers[there], SampleKind.CENTER, there),
    ]
    feature, label = (np.concatenate([part[i] for part in parts]) for i in (0, 2))
    kind = np.concatenate([np.full(len(part[0]), int(part[1])) for part in parts])
    true = np.concatenate((truth[:known], truth[known:][selection.row], truth[known:][rest]))
    discovered = np.isin(kind[: len(true)], (SampleKind.EARLIER, SampleKind.RIGHT))
    wrong = discovered & (true >= 0) & (true != label[: len(true)])
    kind[: len(true)][wrong] = SampleKind.WRONG
    return feature, kind, label
