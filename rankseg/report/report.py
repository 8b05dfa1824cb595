# SPDX-License-Identifier: Apache-2.0
"""HTML report on one or several runs."""

import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from rankseg.analysis.retrieve import Contender, search
from rankseg.report.gain import gain_sentences
from rankseg.report.page import render
from rankseg.report.run_folder import Run, read_runs
from rankseg.report.run_predictions import (
    PREDICTION_ERRORS,
    Evaluation,
    ImagePrediction,
    RunPredictor,
    check_which,
    format_error,
    validation_settings,
)
from rankseg.report.run_result import ImageComparison, ImageResult, RunResult
from rankseg.training.validation import is_embedding
from rankseg.utils.atomic_file import write_text
from rankseg.version import __version__

PICTURES = 4  # number of best and of worst images shown
TILES = 12  # the same for a classifier, whose images are shown smaller
QUERIES, QUERIES_TOGETHER = 5, 6  # in a picture of one run, of several runs
Predicted = tuple[Evaluation, dict[int, ImagePrediction]]  # scores, and small kept pictures


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
    check_which(which)
    if images is not None and images < 1:
        raise ValueError(f"Expected images to be 1 or more, but got {images}.")
    runs = read_runs(folders)
    problem = incomparable(runs)
    results = [RunResult(run) for run in runs]
    usable = [one for one in results if predict and may_predict(one)]
    embedding = [one for one in usable if is_embedding(one.run.config)]
    found = {
        one.run.name: predict_run(one, which, images) for one in usable if one not in embedding
    }
    found = {name: predicted for name, predicted in found.items() if predicted}
    side: list[ImageComparison] | np.ndarray | None = []
    if problem is None and len(found) > 1:
        side = compare_images([one.run for one in results if one.run.name in found], found, which)
    if embedding:
        searched = search_images(embedding, which, problem is None)
        side = searched if len(found) < 2 else side
    write_text(out, render(results, side, machine(), problem))
    for sentence in [] if problem else gain_sentences(runs):
        print(sentence)
    return out


def may_predict(result: RunResult) -> bool:
    """Return whether the network of a run can be built from its settings; add a note if not."""
    try:
        is_embedding(result.run.settings_to_build())
    except PREDICTION_ERRORS as error:
        if not result.run.unread:  # this case already has a note
            _note_problem(result, error)
        return False
    return True


def _note_problem(result: RunResult, error: Exception) -> None:
    result.problem = f"No confusion matrix and no images: {format_error(error)}."
    print(f"{result.run.name}: {result.problem}")


def check_out(out: Path, endings: Sequence[str]) -> None:
    """Check that a file can be written under this name, before any work starts.

    Raises:
        ValueError: If it is a folder, has a different ending, or its folder is not writable.
    """
    if out.is_dir() or out.suffix.lower() not in endings:
        found = "a folder" if out.is_dir() else f"a name that ends in {out.suffix or 'nothing'!r}"
        raise ValueError(
            f"Expected --out to be a file name that ends in {endings[0]}, but got {out}, {found}."
        )
    folder = next(p for p in out.absolute().parents if p.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(
            f"Expected --out {out} to be in a writable folder, but {folder} is not one."
        )


def incomparable(runs: Sequence[Run]) -> str | None:
    """Return why runs cannot be compared by class and image, in one sentence; None if they can."""
    validated: dict[str, str] = {}
    for run in runs:
        if run.unread:
            continue
        dataset = (run.config.get("val_dataloader") or {}).get("dataset", {})
        root = dataset.get("data_root")
        where = dataset.get("ann_file") or dataset.get("folder") or dataset.get("type")
        classes = _outputs(run.config)
        data = f"{classes} classes of {root}" if classes else root
        validated.setdefault(repr((root, where, classes)), f"{run.name}: {data}, {where}")
    if len(validated) < 2:
        return None
    return (
        "These runs were validated on different data or classes, so their values, classes and "
        f"images cannot be compared ({'; '.join(validated.values())})."
    )


def _outputs(cfg: Config) -> Any:
    """Return the number of classes of the head, or None if it has none."""
    node = cfg
    for name in ("model", "student", "decode_head"):
        node = node.get(name) or {}
        if not isinstance(node, dict):
            return None
    return node.get("num_classes")


def predict_run(result: RunResult, which: str, images: int | None) -> Predicted | None:
    """Predict with a run and store what the page shows; return None and add a note on failure."""
    try:
        predictor = RunPredictor(result.run, which)
        indices = predictor.choose(images)
        weights = predictor.checkpoint.name
        print(f"{result.run.name}: {weights} on {len(indices)} validation images", flush=True)
        evaluation = predictor.evaluate(indices)
        worst, best = extremes(evaluation, predictor.image_level)
        pictures = {one.index: one for one in predictor.small([*worst, *best])}
    except PREDICTION_ERRORS as error:
        _note_problem(result, error)
        return None
    scores = dict(zip(evaluation.indices, evaluation.scores, strict=True))
    result.classes, result.palette = predictor.classes, list(predictor.palette)
    result.image_level, result.confusion = predictor.image_level, evaluation.confusion
    result.checkpoint = predictor.checkpoint.name
    result.images = len(indices), len(predictor.dataset)
    result.worst = [_picture(pictures[i], scores[i], predictor) for i in worst]
    result.best = [_picture(pictures[i], scores[i], predictor) for i in best]
    return evaluation, predictor.kept


def _picture(one: ImagePrediction, score: float, predictor: RunPredictor) -> ImageResult:
    return ImageResult(predictor.name(one.path), score, one.image, one.truth, one.label)


def extremes(evaluation: Evaluation, image_level: bool) -> tuple[list[int], list[int]]:
    """Return the images with the lowest and the highest scores, without overlap.

    For a classifier these are its most confident mistakes and its least confident correct
    predictions.
    """
    pairs = sorted(
        (score, index)
        for score, index in zip(evaluation.scores, evaluation.indices, strict=True)
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
    runs: Sequence[Run], predicted: dict[str, Predicted], which: str, count: int = 6
) -> list[ImageComparison]:
    """Return the images whose scores differ most between runs, with the prediction of each run.

    Args:
        runs: Runs that could predict.
        predicted: Scores and pictures by name of the run.
        which: Weights, see :func:`report`.
        count: Largest number of images.
    """
    evaluations = [predicted[run.name][0] for run in runs]
    indices = evaluations[0].indices
    if any(one.indices != indices for one in evaluations):
        return []
    scores = np.nan_to_num([one.scores for one in evaluations])
    spread = scores.max(0) - scores.min(0)
    places = [int(i) for i in spread.argsort()[::-1][:count] if spread[i] > 0]
    rows: dict[int, ImageComparison] = {}
    for number, run in enumerate(runs):
        kept = predicted[run.name][1]
        needed = [indices[i] for i in places]
        if not all(index in kept for index in needed):
            kept = {one.index: one for one in RunPredictor(run, which).small(needed)}
        for place in places:
            one, score = kept[indices[place]], float(scores[number][place])
            if number == 0:
                first = ImageResult(Path(one.path).name, score, one.image, one.truth, one.label)
                rows[place] = ImageComparison(first, {})
            rows[place].labels[run.name] = one.label, score
    return list(rows.values())


def search_images(results: Sequence[RunResult], which: str, together: bool) -> np.ndarray | None:
    """Search the validation images with embedding networks and store the pictures.

    Args:
        results: Runs of embedding networks. Sets their ``panels`` or ``problem``.
        which: ``"last"`` or ``"best"`` weights.
        together: Whether the runs have the same validation images.

    Returns:
        Picture of the queries for which the first and the last run differ most, or None for a
        single run or runs that cannot be compared.
    """
    with tempfile.TemporaryDirectory() as folder:  # features are computed only once
        contenders = []
        for one in results:
            try:
                contender = _contender(one, which, folder)
                print(
                    f"{one.run.name}: {one.checkpoint} searches the validation images", flush=True
                )
                found = search([contender._replace(name="")], rows=QUERIES, part="val").draw()
            except PREDICTION_ERRORS as error:
                one.problem = f"No pictures: {format_error(error)}."
                print(f"{one.run.name}: {one.problem}")
                continue
            contenders.append(contender)
            one.panels = [found[name] for name in ("worst", "queries")]
        if not together or len(contenders) < 2:
            return None
        try:
            return search(contenders, rows=QUERIES_TOGETHER, part="val").draw().get("changes")
        except PREDICTION_ERRORS as error:
            print(f"Cannot show the runs side by side: {format_error(error)}.")
            return None


def _contender(result: RunResult, which: str, folder: str) -> Contender:
    """Return the network of a run, whose features are cached in a folder."""
    run = result.run
    cfg = validation_settings(run).copy()
    checkpoint = run.find_checkpoint(which)
    result.checkpoint = checkpoint.name
    cfg.work_dir = str(Path(folder, run.name))
    return Contender(run.name, cfg, str(checkpoint))


def machine() -> str:
    """Return the versions and the machine used to create the page."""
    return (
        f"{__version__} with Python {platform.python_version()} and torch {torch.__version__} on "
        f"{platform.node()} ({os.cpu_count()} CPU cores, {platform.machine()})"
    )
