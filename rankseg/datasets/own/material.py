# SPDX-License-Identifier: Apache-2.0
"""What somebody has before anything was opened: images, masks in files or outlines, the rest."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankseg.datasets.own.codes import GREY, Codes, read_codes
from rankseg.datasets.own.pairs import find_pairs, list_images
from rankseg.datasets.own.polygons import read_outlines
from rankseg.datasets.pictures import TIFF

FEW = 3  # names that a note lists
CONVERTER = "python tools/dataset_converters/lucchi.py"


@dataclass(frozen=True)
class Material:
    """Files before anything was opened.

    Attributes:
        images: Images with a mask, sorted.
        masks: Of each its mask: a file, or the number of the image in the COCO file.
        bare: Images without a mask.
        read: Makes the codes of a mask.
        classes: Names, where the COCO file has them.
        notes: Sentences for the user.
    """

    images: list[Path]
    masks: list[str]
    bare: list[Path]
    read: Callable[[str], Codes]
    classes: tuple[str, ...] | None
    notes: list[str]


def collect(images: Path, masks: Path, unlabelled: Path | None) -> Material:
    """Find images and what belongs to them.

    Args:
        images: Folder.
        masks: Folder, or COCO file.
        unlabelled: Folder of more images.

    Raises:
        FileNotFoundError: If a folder is missing or empty.
        ValueError: If a stack is given, or nothing belongs together.
    """
    for path in filter(None, (images, masks, unlabelled)):
        if path.suffix.lower() in TIFF and path.is_file():
            raise ValueError(
                f"{path} is one file: expected a folder; {CONVERTER} makes folders of pages of a "
                "TIFF stack (see --help), which can be named here"
            )
    outlined = masks.suffix.lower() == ".json"
    found = _outlined(images, masks) if outlined else _paired(images, masks)
    if unlabelled is not None:
        known = {os.path.realpath(path) for path in (*found.images, *found.bare)}
        more = list_images(unlabelled, "unlabelled images")
        found.bare.extend(path for path in more if os.path.realpath(path) not in known)
    return found


def _paired(images: Path, masks: Path) -> Material:
    pairs = find_pairs(images, masks)
    labelled = [(image, mask) for image, mask in pairs.entries if mask]
    notes = _note(pairs.alone, "mask{s} without an image, left out")
    return Material(
        [image for image, _ in labelled],
        [str(mask) for _, mask in labelled],
        [image for image, mask in pairs.entries if not mask],
        read_codes,
        None,
        notes,
    )


def _outlined(images: Path, coco: Path) -> Material:
    outlines = read_outlines(coco, images)
    labelled = sorted(outlines.images)
    notes = _note(outlines.missing, f"image{{s}} named in {coco.name}, not found")
    notes += _note(outlines.empty, "image{s} without an outline, taken as unlabelled")
    return Material(
        labelled,
        [str(outlines.images[image]) for image in labelled],
        [image for image in list_images(images, "images") if image not in outlines.images],
        lambda number: Codes(GREY, outlines.draw(int(number))),
        outlines.classes,
        notes,
    )


def _note(names: Sequence[str | Path], what: str) -> list[str]:
    """A sentence on files, if there are any; ``{s}`` makes a plural."""
    shown = ", ".join(Path(name).name for name in names[:FEW])
    more = ", ..." if len(names) > FEW else ""
    what = what.replace("{s}", "" if len(names) == 1 else "s")
    return [f"{len(names)} {what}: {shown}{more}"] if names else []
