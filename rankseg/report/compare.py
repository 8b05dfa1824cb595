# SPDX-License-Identifier: Apache-2.0
"""The same validation images as several runs see them, in one picture."""

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

HEIGHT = 200  # of a picture, in pixels
NAMED_CLASSES = 40  # a legend of more is larger than the pictures
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
    """Write a picture with a row per image: image, truth, the prediction of every run.

    Args:
        folders: Work folders of runs, see :func:`rankseg.report.run_folder.read_runs`, in the order
            of columns.
        out: PNG file; one that is there is replaced.
        images: Rows.
        pick: ``"even"``: evenly spaced in the validation list; ``"differ"``: those on whose IoU the
            runs differ most, for which every run predicts all images first.
        which: ``"last"`` or ``"best"`` weights.
        mark: Frame in yellow where the last run is right and the first is not, as in figure 3 of
            RankMatch (CVPR 2024).

    Returns:
        The file.

    Raises:
        ValueError, FileNotFoundError: If runs, data or an option are not right.
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
    """The images on whose IoU the runs differ most, the largest difference first."""
    scores = []
    for name, one in zip(names, predictors, strict=True):
        print(f"{name}: {len(one.dataset)} validation images", flush=True)
        scores.append(one.judge(one.choose(None)).scores)
    scores = np.nan_to_num(scores)
    return (scores.max(0) - scores.min(0)).argsort()[::-1][:images].tolist()


def _row(seen: Sequence[Predicted], palette: Sequence, mark: bool) -> list[np.ndarray]:
    """Pictures of one image, as large as their cells."""
    cell = cell_for(seen[0].image, HEIGHT)
    truth, *labels = (fit_label(one, cell) for one in (seen[0].truth, *(s.label for s in seen)))
    pictures = [fit(seen[0].image, cell), *(colour_map(one, palette) for one in (truth, *labels))]
    box = find_gain(truth, labels[0], labels[-1]) if mark and len(labels) > 1 else None
    return [draw_box(one, box) for one in pictures] if box else pictures
