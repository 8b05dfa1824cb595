# SPDX-License-Identifier: Apache-2.0
"""Files of the user before any is opened: images, masks or outlines, and unlabeled images."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rankseg.imageio.listing import TIFF, walk_images
from rankseg.projects.labelme import find_labelme
from rankseg.projects.mask_decoding import GRAY, Codes, MarkedMasks, read_codes, read_merged
from rankseg.projects.messages import list_names, plural
from rankseg.projects.outline_masks import read_outlines
from rankseg.projects.pairing import describe_skipped, find_pairs, list_images, split_masks

STACK_CONVERTER = "python tools/dataset_converters/lucchi.py"
JSON = (".json", ".jsonl", ".ndjson", ".geojson")
OTHER_FILES = {
    ".xml": "an XML file, as CVAT and LabelImg write it. Export the labels as 'COCO' or as masks",
    ".csv": "a table. Export the labels as 'COCO' or as masks",
    ".zip": "an archive. Unpack it, and name the folder of masks or the COCO file in it",
}


@dataclass(frozen=True)
class InputFiles:
    """Files of the user before any is opened.

    Attributes:
        images: Images with a mask, sorted.
        masks: Mask of each image: a file, or the number of the image among the outlines.
        unlabeled: Images without a mask.
        read: Function that returns the codes of a mask.
        classes: Class names, if masks are outlines.
        notes: Sentences for the user.
        merged: Number of files merged to a mask, by its first file.
        marks: Reader of the masks if they are marks on gray images.
    """

    images: list[Path]
    masks: list[str]
    unlabeled: list[Path]
    read: Callable[[str], Codes]
    classes: tuple[str, ...] | None
    notes: list[str]
    merged: Mapping[str, int] = field(default_factory=dict)
    marks: MarkedMasks | None = None


def find_inputs(
    images: Path,
    masks: Path,
    unlabeled: Path | None,
    color: tuple[int, int, int] | None = None,
) -> InputFiles:
    """Find images and their masks.

    Args:
        images: Folder of images.
        masks: Folder of masks or labelme files, or a COCO file.
        unlabeled: Folder of additional images.
        color: Color of the foreground marks, if masks are marks on gray images.

    Raises:
        FileNotFoundError: If a folder is missing or empty.
        ValueError: If the input is a stack, or no mask matches an image.
    """
    for path in filter(None, (images, masks, unlabeled)):
        if path.suffix.lower() in TIFF and path.is_file():
            raise ValueError(
                f"Expected {path} to be a folder, but got a single TIFF file. Convert a stack to "
                f"folders of images with {STACK_CONVERTER} (see --help)."
            )
    other = OTHER_FILES.get(masks.suffix.lower())
    if other and masks.is_file():
        raise ValueError(
            f"Expected {masks} to be a folder of masks or a COCO file, but got {other}."
        )
    outlined = _has_outlines(images, masks)
    if outlined and color is not None:
        raise ValueError(
            f"Expected mask images for --color, but {masks} holds outlines. Leave --color out."
        )
    found = _from_outlines(images, masks) if outlined else _from_masks(images, masks, color)
    if unlabeled is not None:
        known = {os.path.realpath(path) for path in (*found.images, *found.unlabeled)}
        more, ignored = split_masks(list_images(unlabeled, "unlabeled images"), unlabeled)
        found.unlabeled.extend(path for path in more if os.path.realpath(path) not in known)
        found.notes.extend(_note(ignored, "file", "named like the mask of another image"))
        found.notes.extend(_skipped(unlabeled))
    return found


def _has_outlines(images: Path, masks: Path) -> bool:
    """Return whether masks are given as outlines."""
    if masks.suffix.lower() in JSON and not masks.is_dir():
        return True
    if not masks.is_dir():
        return False
    files = walk_images(masks)
    if images.is_dir() and os.path.samefile(images, masks):
        return not split_masks(files, masks, all_words=True)[1] and bool(find_labelme(masks))
    inside = images.resolve()
    return all(path.resolve().is_relative_to(inside) for path in files) and bool(
        find_labelme(masks)
    )


def _from_masks(images: Path, masks: Path, color: tuple[int, int, int] | None) -> InputFiles:
    pairs = find_pairs(images, masks)
    labeled = [(image, some) for image, some in pairs.entries if some]
    several = {str(some[0]): [str(mask) for mask in some] for _, some in labeled if len(some) > 1}
    notes = _note(pairs.unmatched, "mask", "without an image")
    notes += _note(
        pairs.ignored, "file", "in the image folder named like the mask of another image"
    )
    if pairs.respelled:
        names = list_names([path.name for path in pairs.respelled])
        what = plural(len(pairs.respelled), "mask")
        notes.append(f"spelling of {what} differs from the image (case or accents): {names}")
    notes += _skipped(images)
    if not os.path.samefile(images, masks):
        notes += _skipped(masks)
    marks = None if color is None else MarkedMasks(color, several)
    return InputFiles(
        [image for image, _ in labeled],
        [str(some[0]) for _, some in labeled],
        [image for image, some in pairs.entries if not some],
        marks or (lambda mask: read_merged(several[mask]) if mask in several else read_codes(mask)),
        None,
        notes,
        {mask: len(some) for mask, some in several.items()},
        marks,
    )


def _from_outlines(images: Path, path: Path) -> InputFiles:
    outlines = read_outlines(path, images)
    labeled = sorted(outlines.images)
    files, ignored = split_masks(list_images(images, "images"), images)
    notes = list(outlines.notes)
    if outlines.empty:
        what = plural(len(outlines.empty), "image")
        names = list_names([path.name for path in outlines.empty])
        notes.append(f"{what} without an outline used as unlabeled: {names}")
    ignored = [path for path in ignored if path not in outlines.images]
    notes += _note(ignored, "file", "in the image folder named like the mask of another image")
    notes += _skipped(images)
    return InputFiles(
        labeled,
        [str(outlines.images[image]) for image in labeled],
        [image for image in files if image not in outlines.images],
        lambda number: Codes(GRAY, outlines.draw(int(number))),
        outlines.classes,
        notes,
    )


def _skipped(folder: Path) -> list[str]:
    text = describe_skipped(folder)
    return [f"skipped files in {folder}: {text}. If they are images, save them as PNG"] * bool(text)


def _note(paths: Sequence[Path], what: str, why: str) -> list[str]:
    """Return a sentence about skipped files, if there are any."""
    names = list_names([path.name for path in paths])
    return [f"skipped {plural(len(paths), what)} {why}: {names}"] if paths else []
