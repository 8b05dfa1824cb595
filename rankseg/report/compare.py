# SPDX-License-Identifier: Apache-2.0
"""Picture that shows the predictions of several runs on the same validation images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rankseg.engine.pictures import write_picture
from rankseg.report.gains import draw_box, find_gain
from rankseg.report.report import check_out, incomparable
from rankseg.report.run_folder import read_runs
from rankseg.report.run_predictions import Predicted, RunPredictor
from rankseg.visualization.overlay import colour_map
from rankseg.visualization.panel import cell_for, draw_panel, fit, fit_label

HEIGHT = 200  # of each picture, in pixels
NAMED_CLASSES = 40  # a legend with more classes would be larger than the pictures
PICKS = ("even", "differ")


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
        raise ValueError(f"images={images}, pick={pick!r}: expected 1 or more, and one of {PICKS}")
    runs = read_runs(folders)
    for run in runs:
        if run.unread:
            raise ValueError(f"{run.unread}; leave this run out")
    if problem := incomparable(runs):
        raise ValueError(f"{problem} Name runs of one data set")
    predictors = [RunPredictor(run, which) for run in runs]
    first = predictors[0]
    if first.image_level:
        raise ValueError("classifiers have no pictures of predictions: tools/report.py shows them")
    places = first.choose(images)
    if pick == "differ":
        places = _most_different(predictors, [run.name for run in runs], images)
    rows = []
    for place in places:
        seen = [one for predictor in predictors for one in predictor.small([place])]
        rows.append(_row(seen, first.palette, mark))
        print(f"{len(rows)} of {len(places)}: {first.name(seen[0].path)}")
    named = first.classes if len(first.classes) <= NAMED_CLASSES else []
    cell = HEIGHT, max(row[0].shape[1] for row in rows)
    titles = ["image", "truth", *(run.name for run in runs)]
    write_picture(out, draw_panel(rows, titles, named, first.palette, cell))
    return out


def _most_different(
    predictors: Sequence[RunPredictor], names: Sequence[str], images: int
) -> list[int]:
    """Return the images whose IoU differs most between runs, in descending order of difference."""
    scores = []
    for name, one in zip(names, predictors, strict=True):
        print(f"{name}: {len(one.dataset)} validation images", flush=True)
        scores.append(one.judge(one.choose(None)).scores)
    scores = np.nan_to_num(scores)
    return (scores.max(0) - scores.min(0)).argsort()[::-1][:images].tolist()


def _row(seen: Sequence[Predicted], palette: Sequence, mark: bool) -> list[np.ndarray]:
    """Return the pictures of one row, each resized to its cell."""
    cell = cell_for(seen[0].image, HEIGHT)
    truth, *labels = (fit_label(one, cell) for one in (seen[0].truth, *(s.label for s in seen)))
    pictures = [fit(seen[0].image, cell), *(colour_map(one, palette) for one in (truth, *labels))]
    box = find_gain(truth, labels[0], labels[-1]) if mark and len(labels) > 1 else None
    return [draw_box(one, box) for one in pictures] if box else pictures
