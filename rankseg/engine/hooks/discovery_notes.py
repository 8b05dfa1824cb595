# SPDX-License-Identifier: Apache-2.0
"""What discoveries came to: a file of numbers, a picture of them, maps of the samples."""

import logging
from pathlib import Path

import numpy as np

from rankseg.engine.hooks.harmless import Harmless
from rankseg.engine.hooks.notes import RunNotes
from rankseg.selection.discovery import Evidence, Selection
from rankseg.selection.discovery.centres import class_centres
from rankseg.visualization import Kind, draw_sample_map, to_plane
from rankseg.visualization.discovery import draw_discovery

OTHERS = 2000
"""Images on a map that are still unlabelled, evenly taken from all of them."""


def measure(
    new: np.ndarray, truth: np.ndarray, pool: np.ndarray, pool_truth: np.ndarray, num_classes: int
) -> dict:
    """How many images were discovered, of which classes, and how many labels are right.

    Args:
        new: ``(N,)`` classes that the new images were given.
        truth: ``(N,)`` their true classes, -1 where unknown; for measurements only.
        pool: ``(P,)`` classes of all discovered images, the new ones among them.
        pool_truth: ``(P,)`` their true classes, likewise.
        num_classes: ``K``.

    Returns:
        ``new`` and ``pool``: numbers of images. ``classes``: number of new ones by the class they
        were given. Where some truth is known, of those images: ``wrong``: number of new ones with
        a wrong label; ``error`` and ``pool_error``: share of wrong labels in percent.
    """
    counts = np.bincount(new, minlength=num_classes)
    numbers: dict = {"new": len(new), "pool": len(pool), "classes": counts.tolist()}
    if len(known := np.flatnonzero(truth >= 0)):
        numbers["wrong"] = int((new != truth)[known].sum())
        numbers["error"] = 100 * numbers["wrong"] / len(known)
    if len(known := np.flatnonzero(pool_truth >= 0)):
        numbers["pool_error"] = 100 * float((pool != pool_truth)[known].mean())
    return numbers


class DiscoveryNotes(RunNotes):
    """Keeps ``discovery.json`` and ``discovery.png`` in the work folder, and maps of samples.

    A note is that of the state after ``iteration`` training iterations.

    Args:
        folder: The work folder.
        iteration: See the base class.
        maps: How features become points, see :func:`rankseg.visualization.to_plane`; None draws
            no maps. They lie in ``discovery_maps``.
    """

    def __init__(self, folder: str | Path, iteration: int, maps: str | None = None) -> None:
        super().__init__(Path(folder) / "discovery.json", iteration)
        self.maps = maps
        self._harmless = Harmless("discovery.png or a map of samples")

    @staticmethod
    def _is_past(note: dict, iteration: int) -> bool:
        return note["iteration"] <= iteration

    def draw(self, logger: logging.Logger) -> None:
        """Draw all discoveries so far."""
        with self._harmless(logger):
            draw_discovery(self.notes, self.path.with_suffix(".png"))

    def draw_map(
        self, evidence: Evidence, selection: Selection, truth: np.ndarray, classes: tuple, logger
    ) -> None:
        """Draw labelled, discovered and some other images of the last note.

        Args:
            evidence: What was selected from.
            selection: What was selected.
            truth: ``(L + U,)`` true classes of the labelled and discovered images before, then of
                the candidates; -1 where unknown.
            classes: Names of the classes.
            logger: For failures.
        """
        if self.maps is None:
            return
        with self._harmless(logger):
            note = self.notes[-1]
            feature, kind, label = points_of(evidence, selection, truth)
            folder = self.path.parent / "discovery_maps"
            folder.mkdir(exist_ok=True)
            title = f"generation {note['generation']}, iteration {note['step']}: {note['new']} new"
            if "error" in note:
                title += f", {note['error']:.1f}% of them wrong"
            path = folder / f"generation{note['generation']}_iteration{note['step']}.png"
            draw_sample_map(path, to_plane(feature, self.maps), kind, label, classes, title)


def points_of(
    evidence: Evidence, selection: Selection, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, kinds and labels of what a map shows; arguments as ``DiscoveryNotes.draw_map``.

    The order is: labelled, discovered before, discovered now, some of the others, class centres.
    """
    known, given = len(evidence.label), evidence.num_given
    rest = np.setdiff1d(np.arange(len(evidence.candidates)), selection.row)
    rest = rest[:: max(1, -(-len(rest) // OTHERS))]
    centres = class_centres(evidence.labeled, evidence.label, evidence.num_classes)
    there = np.flatnonzero(~np.isnan(centres).any(1))
    parts = [
        (evidence.labeled[:given], Kind.LABELED, evidence.label[:given]),
        (evidence.labeled[given:], Kind.EARLIER, evidence.label[given:]),
        (evidence.candidates[selection.row], Kind.RIGHT, selection.label),
        (evidence.candidates[rest], Kind.UNLABELED, np.full(len(rest), -1)),
        (centres[there], Kind.CENTRE, there),
    ]
    feature, label = (np.concatenate([part[i] for part in parts]) for i in (0, 2))
    kind = np.concatenate([np.full(len(part[0]), int(part[1])) for part in parts])
    true = np.concatenate((truth[:known], truth[known:][selection.row], truth[known:][rest]))
    discovered = np.isin(kind[: len(true)], (Kind.EARLIER, Kind.RIGHT))
    wrong = discovered & (true >= 0) & (true != label[: len(true)])
    kind[: len(true)][wrong] = Kind.WRONG
    return feature, kind, label
