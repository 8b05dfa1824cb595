# SPDX-License-Identifier: Apache-2.0
"""Masks drawn from outlines in a COCO file or in labelme files."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankseg.errors import FileError
from rankseg.imageio.masks import IGNORE, check_same_size
from rankseg.imageio.reading import read_image_info
from rankseg.projects.coco import parse_coco
from rankseg.projects.color_table import IGNORED
from rankseg.projects.json_files import read_json
from rankseg.projects.labelme import find_labelme, parse_labelme
from rankseg.projects.messages import list_names, plural, shorten
from rankseg.projects.outlines import Annotations, InvalidOutline, ListedImage
from rankseg.projects.pairing import list_images
from rankseg.utils.found_names import match_names

MAX_CLASSES = IGNORE  # ids from 0 to 254
BACKGROUND = "background"


class Outlines(NamedTuple):
    """Images with outlines, and a function to draw them.

    Attributes:
        classes: ``background`` and the categories that have an outline, in id order.
        images: Number for ``draw`` by image file, for images with outlines.
        empty: Listed image files without outlines.
        draw: Function that returns the ``(H, W)`` uint8 mask of such a number.
        notes: Sentences for the user.
    """

    classes: tuple[str, ...]
    images: dict[Path, int]
    empty: tuple[Path, ...]
    draw: Callable[[int], np.ndarray]
    notes: list[str]


def read_outlines(path: Path, images: Path) -> Outlines:
    """Read polygons and run lengths; smaller outlines are drawn on top of larger ones.

    Categories without an outline in one of the images are not classes. Annotations that cannot be
    drawn are skipped and counted.

    Args:
        path: COCO file, or folder of labelme files.
        images: Folder of images, see :func:`~rankseg.utils.found_names.match_names`.

    Raises:
        FileNotFoundError: If the file or the folder does not exist.
        FileError: If it is a file of another kind, or lists no image of the folder.
        ValueError: If the package pycocotools is not installed.
    """
    try:
        import pycocotools.mask  # noqa: F401, needed later for every outline
    except ImportError as error:
        raise ValueError(
            f"Expected the package pycocotools to read the outlines in {path}, but it is not "
            "installed. Run pip install pycocotools."
        ) from error
    found = _read(path)
    files = list_images(images, "images")
    matches = match_names([one.file_name for one in found.images], files, images)
    by_file: dict[Path, list[ListedImage]] = {}
    for i, file in matches.files.items():
        by_file.setdefault(file, []).append(found.images[i])
    drawn = sorted(file for file, some in by_file.items() if any(one.shapes for one in some))
    groups = [by_file[file] for file in drawn]
    missing = [found.images[i].file_name for i in matches.missing]
    ambiguous = [found.images[i].file_name for i in matches.ambiguous]
    if not drawn:
        raise FileError(_why_nothing(path, images, found, missing, ambiguous))
    used = {shape.name for some in groups for one in some for shape in one.shapes}
    names = [name for name in found.names if name in used and name.lower() != BACKGROUND]
    if not 0 < len(names) < MAX_CLASSES:
        raise FileError(
            f"Expected 1 to {MAX_CLASSES - 1} categories with outlines in {path}, but got "
            f"{len(names)}. Merge or remove some."
        )
    classes = (BACKGROUND, *names)
    ids = {name: k for k, name in enumerate(classes)}

    def draw(number: int) -> np.ndarray:
        return _draw(drawn[number], groups[number], ids)

    empty = sorted(file for file in by_file if file not in set(drawn))
    notes = _notes(path, found, names, missing, ambiguous)
    shared = [some[0].file_name for some in groups if len(some) > 1]
    if shared:
        repeated = f"{plural(len(shared), 'image')} listed more than once"
        notes.append(f"{repeated}, with all outlines merged: {list_names(shared)}")
    return Outlines(
        classes, dict(zip(drawn, range(len(drawn)), strict=True)), tuple(empty), draw, notes
    )


def _read(path: Path) -> Annotations:
    if path.is_dir():
        return parse_labelme(find_labelme(path), path)
    return parse_coco(read_json(path, "COCO file"), path)


def _why_nothing(
    path: Path, images: Path, found: Annotations, missing: list[str], ambiguous: list[str]
) -> str:
    """Explain why there is nothing to draw."""
    if ambiguous:
        why = f"{len(ambiguous)} match several files ({list_names(ambiguous)})"
        cure = "Name the folders as in the annotation file."
    elif missing:
        why = f"{len(missing)} do not exist there ({list_names(missing)})"
        cure = "Set --images to the folder of these images."
    else:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.skipped.most_common())
        why = f"no outline can be drawn ({reasons or 'there are no annotations'})"
        cure = "Draw outlines in the labeling tool, and export them as 'COCO'."
    return (
        f"Expected {path} to hold outlines of images in {images}, but of the {len(found.images)} "
        f"images that it lists, {why}. {cure}"
    )


def _notes(
    path: Path, found: Annotations, names: list[str], missing: list[str], ambiguous: list[str]
) -> list[str]:
    """Return sentences about skipped images, categories and annotations."""
    notes = list(found.notes)
    for some, why in ((missing, "not found"), (ambiguous, "skipped: matches several files")):
        if some:
            listed = f"{plural(len(some), 'image')} listed in {path.name}"
            notes.append(f"{listed}, {why}: {list_names(some)}")
    unused = [name for name in found.names if name not in names and name.lower() != BACKGROUND]
    if unused:
        notes.append(f"categories without an outline do not become classes: {list_names(unused)}")
    if any(name.lower() == BACKGROUND for name in found.names):
        notes.append(f"the category '{BACKGROUND}' is class 0, like all pixels without an outline")
    ignored = [name for name in names if name.lower() in IGNORED]
    if ignored:
        notes.append(
            f"the category {list_names(ignored)} is trained as a class: to ignore its pixels, "
            "export masks and name their colors with --colors FILE"
        )
    for reason, count in found.skipped.most_common():
        notes.append(
            f"skipped {plural(count, 'annotation')}, whose pixels count as background: "
            f"{shorten(reason)}"
        )
    return notes


def _draw(file: Path, listed: list[ListedImage], ids: dict[str, int]) -> np.ndarray:
    """Fill the outlines of an image, larger ones first."""
    height, width = read_image_info(str(file), decode=False)[:2]
    for one in listed:
        _check_size(one, file, (height, width))
    mask = np.zeros((height, width), np.uint8)
    shapes = [shape for one in listed for shape in one.shapes]
    try:
        for shape in sorted(shapes, key=lambda shape: -shape.outline.area(height, width)):
            mask[shape.outline.fill(height, width)] = ids.get(shape.name, 0)
    except InvalidOutline as reason:
        raise FileError(
            f"Expected the outlines of {listed[0].where} to fit {file}, but got {reason}. Export "
            "the labels again from these images."
        ) from None
    return mask


def _check_size(one: ListedImage, file: Path, real: tuple[int, int]) -> None:
    """Check that the size given in the file, if any, is that of the image."""
    if all(given in (None, side) for given, side in zip(one.size, real, strict=True)):
        return
    if one.known_size:
        check_same_size(f"drawn from {one.where}", one.known_size, file, real)
    height, width = map(shorten, one.size)
    raise FileError(
        f"Expected {one.where} to have the size of {file}, {real[1]}x{real[0]}, but got "
        f"width {width} and height {height}. Export the labels again, or correct the size."
    )
