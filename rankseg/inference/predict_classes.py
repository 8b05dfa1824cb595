# SPDX-License-Identifier: Apache-2.0
"""Class prediction of many images, written as a table and an overview picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rankseg.engine.pictures import write_picture
from rankseg.inference.inferencer import ClassPrediction, Inferencer
from rankseg.inference.pictures import PageReader, Picture
from rankseg.inference.prediction_summary import Page, choose_pages, pages_of
from rankseg.utils.atomic_file import write_table
from rankseg.utils.progress import track
from rankseg.visualization.contact_sheet import Prediction, draw_contact_sheet
from rankseg.visualization.panel import fit

SHOWN = 100  # images on the overview
CELL = 96  # longest side of each image in pixels


def predict_classes(
    inferencer: Inferencer,
    pictures: Sequence[Picture],
    out: Path,
    reader: PageReader,
    topk: int = 5,
) -> dict[Any, str]:
    """Classify images and write ``predictions.csv`` and ``overview.png``.

    Args:
        inferencer: Inferencer of a classifier.
        pictures: Images in the order of the table.
        out: Folder to write to.
        reader: Reader of the pages, closed at the end.
        topk: Number of most probable classes to list.

    Returns:
        Error messages of the unreadable files, by path.

    Raises:
        WriteError: If a file cannot be written.
    """
    pages = [page for one in pictures for page in pages_of(one)]
    chosen = choose_pages(pictures, SHOWN)
    found: dict[Page, ClassPrediction] = {}
    failed: dict[Any, str] = {}
    sheet = []
    try:
        for page in track(pages, "predicting images"):
            try:
                image = reader(page.picture, page.number)
                (found[page],) = inferencer.classify([image])
            except (ValueError, OSError) as error:
                failed[page.picture.path] = str(error)
            else:
                if page in chosen:
                    sheet.append(_thumb(image, found[page]))
    finally:
        reader.close()
        _write_table(out / "predictions.csv", found, inferencer.classes, topk)
        if sheet:
            write_picture(out / "overview.png", draw_contact_sheet(sheet, cell=CELL))
    return failed


def _thumb(image: np.ndarray, found: ClassPrediction) -> Prediction:
    chance = float(found.probabilities[found.label])
    return Prediction(fit(image, (CELL, CELL)), found.name, found.name, chance)


def _write_table(
    path: Path, found: dict[Page, ClassPrediction], classes: Sequence[str], topk: int
) -> None:
    """Write one row per image with its most probable classes and their probabilities."""
    number = min(topk, len(classes))
    heads = [part for k in range(1, number + 1) for part in (f"class {k}", f"probability {k}")]
    rows: list[list] = [["image", "page", *heads]]
    for page, one in found.items():
        best = np.argsort(-one.probabilities, kind="stable")[:number]
        pairs = [part for k in best for part in (classes[k], f"{one.probabilities[k]:.6f}")]
        rows.append([page.file, page.counted, *pairs])
    write_table(path, rows)
