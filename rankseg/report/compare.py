# SPDX-License-Identifier: Apache-2.0
"""Picture that shows the predictions of several runs on the same validation images."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from rankseg.engine.pictures import write_picture
from rankseg.report.comparability import comparison_notes
from rankseg.report.gain import gain_sentences
from rankseg.report.report import check_out, incomparable
from rankseg.report.run_folder import read_runs
from rankseg.report.run_predictions import ImagePrediction, RunPredictor
from rankseg.visualization.overlay import color_map
from rankseg.visualization.panel import cell_for, draw_panel, fit, fit_label

HEIGHT = 200  # of each picture, in pixels
NAMED_CLASSES = 40  # a legend with more classes would be larger than the pictures
PICKS = ("even", "differ")
YELLOW = (255, 225, 0)
MIN_IMPROVEMENT = 0.002  # fraction of the image; smaller regions get no frame
IGNORE = 255

Box = tuple[int, int, int, int]


def compare(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    images: int = 5,
    pick: str = "even",
    which: str = "last",
    mark: bool = False,
) -> Path:
    """Write a picture with one row per image: image, ground truth, and the prediction of each run.

    Prints what makes the runs hard to compare.

    Args:
        folders: Work folders of runs in the order of the columns, see
            :func:`rankseg.report.run_folder.read_runs`.
        out: PNG file. An existing file is replaced.
        images: Number of rows.
        pick: ``"even"`` picks images evenly spaced in the validation list. ``"differ"`` picks the
            images whose IoU differs most between runs; every run predicts all images first.
        which: ``"last"`` or ``"best"`` weights.
        mark: Draw a yellow frame where the last run is right and the first is not, as in figure 3
            of RankMatch (CVPR 2024).

    Returns:
        Path of the file.

    Raises:
        ValueError, FileNotFoundError: If runs, data or an option are invalid.
        WriteError: If the picture cannot be written.
    """
    out = Path(out)
    check_out(out, (".png",))
    if images < 1 or pick not in PICKS:
        raise ValueError(
            f"Expected images to be 1 or more and pick to be one of {PICKS}, but got "
            f"images={images}, pick={pick!r}."
        )
    runs = read_runs(folders)
    for run in runs:
        if run.unread:
            raise ValueError(f"{run.unread}. Leave this run out.")
    if problem := incomparable(runs):
        raise ValueError(f"{problem} Name runs of one data set.")
    predictors = [RunPredictor(run, which) for run in runs]
    first = predictors[0]
    if first.image_level:
        raise ValueError(
            "Expected segmentation runs, but got classifiers, whose predictions are not pictures. "
            "Use tools/report.py instead."
        )
    places = first.choose(images)
    if pick == "differ":
        places = _most_different(predictors, [run.name for run in runs], images)
    rows = []
    for place in places:
        found = [one for predictor in predictors for one in predictor.small([place])]
        rows.append(_row(found, first.palette, mark))
        print(f"{len(rows)} of {len(places)}: {first.name(found[0].path)}")
    numbers = {run.name: len(one.dataset) for run, one in zip(runs, predictors, strict=True)}
    for note in comparison_notes(runs, numbers):
        print(f"note: {note}")
    named = first.classes if len(first.classes) <= NAMED_CLASSES else []
    cell = HEIGHT, max(row[0].shape[1] for row in rows)
    titles = ["image", "truth", *(run.name for run in runs)]
    write_picture(out, draw_panel(rows, titles, named, first.palette, cell))
    for sentence in gain_sentences(runs):
        print(sentence)
    return out


def _most_different(
    predictors: Sequence[RunPredictor], names: Sequence[str], images: int
) -> list[int]:
    """Return the images whose IoU differs most between runs, in descending order of difference."""
    scores = []
    for name, one in zip(names, predictors, strict=True):
        print(f"{name}: {len(one.dataset)} validation images", flush=True)
        scores.append(one.evaluate(one.choose(None)).scores)
    scores = np.nan_to_num(scores)
    return (scores.max(0) - scores.min(0)).argsort()[::-1][:images].tolist()


def _row(found: Sequence[ImagePrediction], palette: Sequence, mark: bool) -> list[np.ndarray]:
    """Return the pictures of one row, each resized to its cell."""
    cell = cell_for(found[0].image, HEIGHT)
    maps = [found[0].truth, *(one.label for one in found)]
    truth, *labels = (fit_label(one, cell) for one in maps)
    pictures = [fit(found[0].image, cell), *(color_map(one, palette) for one in (truth, *labels))]
    box = find_improvement(truth, labels[0], labels[-1]) if mark and len(labels) > 1 else None
    return [draw_frame(one, box) for one in pictures] if box else pictures


def find_improvement(truth: np.ndarray, before: np.ndarray, after: np.ndarray) -> Box | None:
    """Find the largest connected region where ``after`` is right and ``before`` is wrong.

    Args:
        truth: ``(H, W)`` class ids, 255 where unknown.
        before: ``(H, W)`` class ids.
        after: ``(H, W)`` class ids.

    Returns:
        First row, first column, height and width of the region, or None if no region covers 0.2% of
        the image.
    """
    improved = (truth != IGNORE) & (after == truth) & (before != truth)
    _, _, stats, _ = cv2.connectedComponentsWithStats(improved.astype(np.uint8), connectivity=8)
    regions = stats[1:]
    if not len(regions):
        return None
    left, top, width, height, area = map(int, regions[regions[:, cv2.CC_STAT_AREA].argmax()])
    return (top, left, height, width) if area >= MIN_IMPROVEMENT * improved.size else None


def draw_frame(picture: np.ndarray, box: Box, room: int = 4) -> np.ndarray:
    """Return a copy of a uint8 RGB picture with a yellow frame, a few pixels outside a box."""
    top, left, height, width = box
    copy = np.ascontiguousarray(picture).copy()
    corners = (left - room, top - room), (left + width + room, top + height + room)
    cv2.rectangle(copy, *corners, YELLOW, 2)
    return copy
