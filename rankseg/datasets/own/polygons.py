# SPDX-License-Identifier: Apache-2.0
"""Outlines in a COCO file, as CVAT, Label Studio and others export them, drawn as masks."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rankseg.datasets.file_error import FileError
from rankseg.datasets.image_files import read_content
from rankseg.datasets.own.pairs import list_images

MOST_CLASSES = 254


class Outlines(NamedTuple):
    """Images with outlines, and how to draw them.

    Attributes:
        classes: ``background`` and the categories by their id.
        images: By image file its number in the COCO file; those with an outline.
        empty: Image files that the COCO file names and that have no outline.
        missing: Names in the COCO file of which there is no image.
        draw: Makes the mask, ``(H, W)`` uint8, of such a number.
    """

    classes: tuple[str, ...]
    images: dict[Path, int]
    empty: tuple[Path, ...]
    missing: tuple[str, ...]
    draw: Callable[[int], np.ndarray]


def read_outlines(path: Path, images: Path) -> Outlines:
    """Read a COCO file: polygons and run lengths; where outlines overlap the smaller one counts.

    Args:
        path: The JSON file.
        images: Folder of its images, below which they are found by their names.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        FileError: If the file is no COCO file, or names no image of the folder.
        ValueError: If the package pycocotools is not there.
    """
    coco = _open(path)
    ids = sorted(coco.cats)
    if not 0 < len(ids) <= MOST_CLASSES:
        raise FileError(f"{path} has {len(ids)} categories: expected 1 to {MOST_CLASSES}")
    by_name: dict[str, Path] = {}
    for file in list_images(images, "images"):
        by_name.setdefault(file.name, file)
        by_name[file.relative_to(images).as_posix()] = file
    found, empty, missing = {}, [], []
    for number, image in coco.imgs.items():
        name = str(image["file_name"])
        file = by_name.get(name, by_name.get(Path(name).name))
        if file is None:
            missing.append(name)
        elif coco.imgToAnns.get(number):
            found[file] = number
        else:
            empty.append(file)
    if not found:
        named = missing[0] if missing else "none with an outline"
        raise FileError(
            f"{path} names {len(coco.imgs)} images ({named}), none of which is in {images} and has "
            "an outline: expected the folder of these images"
        )
    classes = ("background", *(str(coco.cats[i]["name"]) for i in ids))

    def draw(number: int) -> np.ndarray:
        return _draw(coco, number, {category: k for k, category in enumerate(ids, start=1)})

    return Outlines(classes, found, tuple(empty), tuple(missing), draw)


def _open(path: Path) -> Any:
    """The COCO file in the hands of its library."""
    try:
        from pycocotools.coco import COCO
    except ImportError as error:
        raise ValueError(
            f"{path} holds outlines, which need the package pycocotools: pip install pycocotools"
        ) from error
    coco = COCO()
    try:
        coco.dataset = json.loads(read_content(path, "COCO file"))
        for key in ("images", "annotations", "categories"):
            coco.dataset[key][:]
        with contextlib.redirect_stdout(io.StringIO()):
            coco.createIndex()
        for image in coco.imgs.values():
            image["file_name"], image["height"], image["width"]
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FileError(
            f"{path} is no COCO file ({type(error).__name__}: {error}): expected JSON with images, "
            "annotations and categories; in the labelling program choose the export 'COCO'"
        ) from error
    return coco


def _draw(coco: Any, number: int, class_of: dict[int, int]) -> np.ndarray:
    """Fill the outlines of an image, the larger ones first."""
    image = coco.imgs[number]
    mask = np.zeros((image["height"], image["width"]), np.uint8)
    try:
        parts = [(coco.annToMask(one) > 0, one) for one in coco.imgToAnns[number]]
        for part, one in sorted(parts, key=lambda pair: -pair[0].sum()):
            mask[part] = class_of[one["category_id"]]
    except Exception as error:  # whatever a broken outline makes of the library
        raise FileError(
            f"the outlines of {image['file_name']} cannot be drawn ({type(error).__name__}: "
            f"{error}): expected polygons or run lengths within the image; export them anew"
        ) from error
    return mask
