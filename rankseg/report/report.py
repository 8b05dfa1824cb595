# SPDX-License-Identifier: Apache-2.0
"""One page about one or several runs."""

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

PICTURES = 4  # best and worst ones of a run
TILES = 12  # the same of a classifier, whose pictures are smaller
Looked = tuple[Judged, dict[int, Predicted]]  # and small pictures of the images, where kept


def report(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    predict: bool = True,
    which: str = "last",
    images: int | None = None,
) -> Path:
    """Write one HTML page about runs, which needs nothing beside it and no network.

    Args:
        folders: Work folders of :func:`rankseg.training.train`, or folders that hold some.
        out: HTML file; one that is there is replaced.
        predict: Let every run's network predict its validation images, where checkpoint and data
            are there: for confusion, best and worst images, or what an embedding network finds.
                What is missing is said in the page.
        which: ``"last"`` or ``"best"`` weights for that.
        images: Only so many validation images, evenly spaced in their list; embedding networks
            search all.

    Returns:
        The file.

    Raises:
        ValueError, FileNotFoundError: If a folder is no run, or ``out`` can be no such file.
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
    """Whether the network of a run can be built from its settings; a note if not."""
    try:
        is_embedding(settings_to_build(seen.run))
    except CANNOT as error:
        if not seen.run.unread:  # of which a note is there already
            seen.problem = f"No confusion and no pictures: {_said(error)}."
            print(f"{seen.run.name}: {seen.problem}")
        return False
    return True


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def check_out(out: Path, endings: Sequence[str]) -> None:
    """Refuse a name that can be no file to write, before any work.

    Raises:
        ValueError: If it is a folder, ends otherwise, or its folder cannot be written to.
    """
    if out.is_dir() or out.suffix.lower() not in endings:
        found = "is a folder" if out.is_dir() else f"ends in {out.suffix or 'nothing'!r}"
        raise ValueError(f"--out {out} {found}: expected a file name that ends in {endings[0]}")
    folder = next(p for p in out.absolute().parents if p.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f"--out {out}: {folder} is no folder that can be written to")


def incomparable(runs: Sequence[Run]) -> str | None:
    """Why classes and pictures of runs are not compared: one sentence; None if they are."""
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
    """Number of classes of the head, None where there is none."""
    node = cfg
    for name in ("model", "student", "decode_head"):
        node = node.get(name) or {}
        if not isinstance(node, dict):
            return None
    return node.get("num_classes")


def look(seen: Seen, which: str, images: int | None) -> Looked | None:
    """Have a run predict, and note what the page shows of it; None, and a note, if it cannot."""
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
    """Images with the lowest and the highest scores, none in both.

    Of a classifier the mistakes it is surest of, and the right ones it is least sure of.
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
    """The images on whose score the runs differ most, as each of them sees them.

    Args:
        runs: Those that could predict.
        looked: By their names what was found.
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
    """Versions and machine that a page is made with."""
    return (
        f"{__version__} with Python {platform.python_version()} and torch {torch.__version__} on "
        f"{platform.node()} ({os.cpu_count()} CPU cores, {platform.machine()})"
    )
