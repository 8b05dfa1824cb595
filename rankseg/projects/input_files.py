# SPDX-License-Identifier: Apache-2.0
"""Files of the user before any is opened: images, masks or outlines, and unlabeled images."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rankseg.imageio.listing import TIFF, walk_images
from rankseg.projects.labelme import find_labelme
from rankseg.projects.mask_decoding import GRAY, Codes, MarkedMasks, read_codes, read_joined
from rankseg.projects.outline_masks import read_outlines
from rankseg.projects.outlines import list_names
from rankseg.projects.pairing import describe_skipped, find_pairs, list_images, split_masks

CONVERTER = "python tools/dataset_converters/lucchi.py"
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
        bare: Images without a mask.
        read: Function that returns the codes of a mask.
        classes: Class names, if masks are outlines.
        notes: Sentences for the user.
        joined: Number of files merged to a mask, by its first file.
        marked: Reader of the masks if they are marks on gray images.
    """

    images: list[Path]
    masks: list[str]
    bare: list[Path]
    read: Callable[[str], Codes]
    classes: tuple[str, ...] | None
    notes: list[str]
    joined: Mapping[str, int] = field(default_factory=dict)
    marked: MarkedMasks | None = None


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
                f"{path} is one file: expected a folder; {CONVERTER} makes folders of pages of a "
                "TIFF stack (see --help), which can be named here"
            )
    other = OTHER_FILES.get(masks.suffix.lower())
    if other and masks.is_file():
        raise ValueError(
            f"Expected {masks} to be a folder of masks or a COCO file, but got {other}."
        )
    outlined = _has_outlines(images, masks)
    if outlined and color is not None:
        raise ValueError(f"--color is for masks in files, and {masks} has outlines: leave it out")
    found = _outlined(images, masks) if outlined else _paired(images, masks, color)
    if unlabeled is not None:
        known = {os.path.realpath(path) for path in (*found.images, *found.bare)}
        more, aside = split_masks(list_images(unlabeled, "unlabeled images"), unlabeled)
        found.bare.extend(path for path in more if os.path.realpath(path) not in known)
        found.notes.extend(_note(aside, "file{s} named as a mask of another, left out"))
        found.notes.extend(_skipped(unlabeled))
    return found


def _has_outlines(images: Path, masks: Path) -> bool:
    """Return whether masks are given as outlines."""
    if masks.suffix.lower() in JSON and not masks.is_dir():
        return True
    if not masks.is_dir():
        return False
    if images.is_dir() and os.path.samefile(images, masks):
        pictures = walk_images(masks)
        return not split_masks(pictures, masks, all_words=True)[1] and bool(find_labelme(masks))
    inside = images.resolve()
    pictures = [path for path in walk_images(masks) if not path.resolve().is_relative_to(inside)]
    return not pictures and bool(find_labelme(masks))


def _paired(images: Path, masks: Path, color: tuple[int, int, int] | None) -> InputFiles:
    pairs = find_pairs(images, masks)
    labeled = [(image, some) for image, some in pairs.entries if some]
    several = {str(some[0]): [str(mask) for mask in some] for _, some in labeled if len(some) > 1}
    notes = _note(pairs.alone, "mask{s} without an image, left out")
    notes += _note(pairs.aside, "file{s} among the images named as a mask of another, left out")
    notes += _note(pairs.respelled, "mask{s} spelled differently from the image (case or accents)")
    notes += _skipped(images)
    if not os.path.samefile(images, masks):
        notes += _skipped(masks)
    marked = None if color is None else MarkedMasks(color, several)
    return InputFiles(
        [image for image, _ in labeled],
        [str(some[0]) for _, some in labeled],
        [image for image, some in pairs.entries if not some],
        marked
        or (lambda mask: read_joined(several[mask]) if mask in several else read_codes(mask)),
        None,
        notes,
        {mask: len(some) for mask, some in several.items()},
        marked,
    )


def _outlined(images: Path, path: Path) -> InputFiles:
    outlines = read_outlines(path, images)
    labeled = sorted(outlines.images)
    pictures, aside = split_masks(list_images(images, "images"), images)
    notes = list(outlines.notes)
    notes += _note(outlines.empty, "image{s} without an outline, taken as unlabeled")
    aside = [path for path in aside if path not in outlines.images]
    notes += _note(aside, "file{s} among the images named as a mask of another, left out")
    notes += _skipped(images)
    return InputFiles(
        labeled,
        [str(outlines.images[image]) for image in labeled],
        [image for image in pictures if image not in outlines.images],
        lambda number: Codes(GRAY, outlines.draw(int(number))),
        outlines.classes,
        notes,
    )


def _skipped(folder: Path) -> list[str]:
    text = describe_skipped(folder, f"files in {folder} that are skipped: ")
    return [f"{text}: save them as PNG if they are images"] if text else []


def _note(names: Sequence[str | Path], what: str) -> list[str]:
    """Return a sentence on files if there are any; ``{s}`` marks the plural."""
    what = what.replace("{s}", "" if len(names) == 1 else "s")
    return [f"{len(names)} {what}: {list_names([Path(n).name for n in names])}"] if names else []
