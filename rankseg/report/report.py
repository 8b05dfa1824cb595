# SPDX-License-Identifier: Apache-2.0
"""HTML report on one or several runs."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from rankseg.report.foreign_config import settings_to_build
from rankseg.report.page import Picture, Seen, SideBySide, render
from rankseg.report.retrieval import look_retrieval
from rankseg.report.run_folder import Run, read_runs
from rankseg.report.run_predictions import CANNOT, WHICH, Judged, Predicted, RunPredictor
from rankseg.training.validation import is_embedding
from rankseg.utils.atomic_file import write_text
from rankseg.version import __version__

PICTURES = 4  # number of best and of worst images shown
TILES = 12  # the same for a classifier, whose images are shown smaller
Looked = tuple[Judged, dict[int, Predicted]]  # scores, and small pictures of kept images


def report(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    predict: bool = True,
    which: str = "last",
    images: int | None = None,
) -> Path:
    """Write a self-contained HTML report on runs.

    The page loads no other file and needs no network.

    Args:
        folders: Work folders of :func:`rankseg.training.train`, or folders that contain them.
        out: HTML file. An existing file is replaced.
        predict: Predict the validation images with the network of each run, if its checkpoint
            and data are available. The page then shows confusion matrices, best and worst images,
            or the search results of an embedding network. The page states what is missing.
        which: ``"last"`` or ``"best"`` weights to predict with.
        images: Number of validation images, evenly spaced in their list. Embedding networks always
            search all images.

    Returns:
        Path of the file.

    Raises:
        ValueError, FileNotFoundError: If a folder is not a run, or ``out`` is not a valid file.
        WriteError: If the file cannot be written.
    """
    out = Path(out)
    check_out(out, (".html", ".htm"))
    if which not in WHICH:
        raise ValueError(f"checkpoint {which!r}: expected one of {', '.join(WHICH)}")
    if images is not None and images < 1:
        raise ValueError(f"images={images}: expected 1 or more")
    runs = read_runs(folders)
    problem = incomparable(runs)
    seen = [Seen(run) for run in runs]
    asked = [one for one in seen if predict and may_predict(one)]
    searching = [one for one in asked if is_embedding(one.run.config)]
    found = {one.run.name: look(one, which, images) for one in asked if one not in searching}
    found = {name: looked for name, looked in found.items() if looked}
    side: list[SideBySide] | np.ndarray | None = []
    if problem is None and len(found) > 1:
        side = compare_images([one.run for one in seen if one.run.name in found], found, which)
    if searching:
        side = look_retrieval(searching, which, problem is None) if len(found) < 2 else side
    write_text(out, render(seen, side, machine(), problem))
    return out


def may_predict(seen: Seen) -> bool:
    """Return whether the network of a run can be built from its settings; add a note if not."""
    try:
        is_embedding(settings_to_build(seen.run))
    except CANNOT as error:
        if not seen.run.unread:  # this case already has a note
            seen.problem = f"No confusion and no pictures: {_said(error)}."
            print(f"{seen.run.name}: {seen.problem}")
        return False
    return True


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def check_out(out: Path, endings: Sequence[str]) -> None:
    """Check that a file can be written under this name, before any work starts.

    Raises:
        ValueError: If it is a folder, has a different ending, or its folder is not writable.
    """
    if out.is_dir() or out.suffix.lower() not in endings:
        found = "is a folder" if out.is_dir() else f"ends in {out.suffix or 'nothing'!r}"
        raise ValueError(f"--out {out} {found}: expected a file name that ends in {endings[0]}")
    folder = next(p for p in out.absolute().parents if p.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f"--out {out}: {folder} is no folder that can be written to")


def incomparable(runs: Sequence[Run]) -> str | None:
    """Return why runs cannot be compared by class and image, in one sentence; None if they can."""
    kinds: dict[str, str] = {}
    for run in runs:
        if run.unread:
            continue
        dataset = (run.config.get("val_dataloader") or {}).get("dataset", {})
        root = dataset.get("data_root")
        where = dataset.get("ann_file") or dataset.get("folder") or dataset.get("type")
        classes = _outputs(run.config)
        what = f"{classes} classes of {root}" if classes else root
        kinds.setdefault(repr((root, where, classes)), f"{run.name}: {what}, {where}")
    if len(kinds) < 2:
        return None
    return (
        "These runs were validated on different data or classes, so their numbers, classes and "
        f"pictures are not to be compared ({'; '.join(kinds.values())})."
    )


def _outputs(cfg: Config) -> Any:
    """Return the number of classes of the head, or None if it has none."""
    node = cfg
    for name in ("model", "student", "decode_head"):
        node = node.get(name) or {}
        if not isinstance(node, dict):
            return None
    return node.get("num_classes")


def look(seen: Seen, which: str, images: int | None) -> Looked | None:
    """Predict with a run and store what the page shows; return None and add a note on failure."""
    name = seen.run.name
    try:
        predictor = RunPredictor(seen.run, which)
        indices = predictor.choose(images)
        print(
            f"{name}: {predictor.checkpoint.name} on {len(indices)} validation images", flush=True
        )
        judged = predictor.judge(indices)
        worst, best = extremes(judged, predictor.image_level)
        pictures = {one.index: one for one in predictor.small([*worst, *best])}
    except CANNOT as error:
        seen.problem = f"No confusion and no pictures: {_said(error)}."
        print(f"{name}: {seen.problem}")
        return None
    scores = dict(zip(judged.indices, judged.scores, strict=True))
    seen.classes, seen.palette = predictor.classes, list(predictor.palette)
    seen.image_level, seen.confusion = predictor.image_level, judged.confusion
    seen.checkpoint = predictor.checkpoint.name
    seen.images = len(indices), len(predictor.dataset)
    seen.worst = [_picture(pictures[i], scores[i], predictor) for i in worst]
    seen.best = [_picture(pictures[i], scores[i], predictor) for i in best]
    return judged, predictor.kept


def _picture(one: Predicted, score: float, predictor: RunPredictor) -> Picture:
    return Picture(predictor.name(one.path), score, one.image, one.truth, one.label)


def extremes(judged: Judged, image_level: bool) -> tuple[list[int], list[int]]:
    """Return the images with the lowest and the highest scores, without overlap.

    For a classifier these are its most confident mistakes and its least confident correct
    predictions.
    """
    pairs = sorted(
        (score, index)
        for score, index in zip(judged.scores, judged.indices, strict=True)
        if score == score
    )
    if image_level:
        wrong = [index for score, index in pairs if score < 0]
        right = [index for score, index in pairs if score >= 0]
        return wrong[:TILES], right[:TILES]
    order = [index for _, index in pairs]
    count = min(PICTURES, len(order) // 2)
    return order[: max(1, count)], order[::-1][:count]


def compare_images(
    runs: Sequence[Run], looked: dict[str, Looked], which: str, count: int = 6
) -> list[SideBySide]:
    """Return the images whose scores differ most between runs, with the prediction of each run.

    Args:
        runs: Runs that could predict.
        looked: Scores and pictures by name of the run.
        which: Weights, see :func:`report`.
        count: Largest number of images.
    """
    judged = [looked[run.name][0] for run in runs]
    indices = judged[0].indices
    if any(one.indices != indices for one in judged):
        return []
    scores = np.nan_to_num([one.scores for one in judged])
    spread = scores.max(0) - scores.min(0)
    places = [int(i) for i in spread.argsort()[::-1][:count] if spread[i] > 0]
    rows: dict[int, SideBySide] = {}
    for number, run in enumerate(runs):
        kept = looked[run.name][1]
        asked = [indices[i] for i in places]
        if not all(index in kept for index in asked):
            kept = {one.index: one for one in RunPredictor(run, which).small(asked)}
        for place in places:
            one, score = kept[indices[place]], float(scores[number][place])
            if number == 0:
                picture = Picture(Path(one.path).name, score, one.image, one.truth, one.label)
                rows[place] = SideBySide(picture, {})
            rows[place].labels[run.name] = one.label, score
    return list(rows.values())


def machine() -> str:
    """Return the versions and the machine used to create the page."""
    return (
        f"{__version__} with Python {platform.python_version()} and torch {torch.__version__} on "
        f"{platform.node()} ({os.cpu_count()} CPU cores, {platform.machine()})"
    )
