# SPDX-License-Identifier: Apache-2.0
"""Which mask belongs to which image: by their names, whatever masks are called beside that."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rankseg.datasets.layouts import hint
from rankseg.datasets.pictures import walk_images
from rankseg.datasets.splits import ENDINGS

_WORDS = "masks?|gt|labels?|labelids|seg|segmentation|annotations?|ground_?truth|l"
_AFTER = re.compile(rf"(?<=.)[_\-. ]({_WORDS})$", re.IGNORECASE)
_BEFORE = re.compile(rf"^({_WORDS})[_\-. ](?=.)", re.IGNORECASE)
_OF_IMAGES = re.compile(r"(?<=.)[_\-. ](images?|img|raw|rgb)$|^(image|img|raw)[_\-. ](?=.)", re.I)


@dataclass(frozen=True)
class Pairs:
    """Images with the masks that belong to them.

    Attributes:
        entries: Image, and its mask or None, sorted by image.
        alone: Masks that belong to no image.
    """

    entries: tuple[tuple[Path, Path | None], ...]
    alone: tuple[Path, ...]


def find_pairs(images: Path, masks: Path) -> Pairs:
    """Pair the files of two folders, which may be one, or one inside the other.

    ``a.jpg`` belongs to ``a.png``, ``a_mask.png``, ``a-gt.tif``, ``mask_a.png``, and
    ``a_image.png`` to ``a_mask.png``. Files in sub-folders belong together where the sub-folders
    have one name.

    Raises:
        FileNotFoundError: If a folder is missing, or holds no image.
        ValueError: If two images, or two masks, would belong together, or no mask has an image.
    """
    pictures, labels = list_images(images, "images"), list_images(masks, "masks")
    if os.path.samefile(images, masks):
        labels = [path for path in pictures if _bare(path.stem) != path.stem]
        if not labels:
            raise ValueError(
                f"folder {images} is named for images and for masks, and no file in it is called "
                "a mask: expected names such as a.png with a_mask.png; or put masks into a folder "
                "of their own"
            )
    own = set(labels)
    pictures = [path for path in pictures if path not in own]
    exact = _by_key(pictures, images, str)
    loose = _by_key(pictures, images, _bare_image)
    found: dict[Path, Path] = {}
    alone = []
    for mask in labels:
        image = _owner(mask, masks, exact, loose)
        if image is None:
            alone.append(mask)
        elif image in found:
            raise ValueError(f"{found[image]} and {mask} both belong to {image}: keep one of them")
        else:
            found[image] = mask
    if not found:
        raise ValueError(
            f"no mask in {masks} has the name of an image in {images}: found "
            f"{_names(pictures)} and {_names(labels)}; expected pairs such as a.jpg with a.png or "
            "a_mask.png"
        )
    return Pairs(tuple((image, found.get(image)) for image in pictures), tuple(alone))


def _published(folder: Path) -> str:
    """What to do where a folder is part of a set of images with classes; else empty."""
    known = hint(folder.parent) or hint(folder)
    return f"; images with classes need none: {known}" if known else ""


def list_images(folder: Path, what: str) -> list[Path]:
    """Files of a folder and of its sub-folders that end as images do, sorted; no hidden ones.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(
            f"folder {folder} of {what} {kind}: expected a folder of {what}{_published(folder)}"
        )
    found = sorted(walk_images(folder))
    if not found:
        raise FileNotFoundError(
            f"folder {folder} holds no {what}: expected files that end in {', '.join(ENDINGS)}"
        )
    return found


def _bare(stem: str) -> str:
    """A name without what says that it is a mask."""
    return _BEFORE.sub("", _AFTER.sub("", stem))


def _bare_image(stem: str) -> str:
    return _OF_IMAGES.sub("", stem)


def _by_key(paths: Sequence[Path], root: Path, shorten) -> dict[str, list[Path]]:
    """Files by sub-folder and shortened name."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        key = path.relative_to(root).with_name(shorten(path.stem)).as_posix()
        found.setdefault(key, []).append(path)
    return found


def _owner(
    mask: Path, root: Path, exact: dict[str, list[Path]], loose: dict[str, list[Path]]
) -> Path | None:
    """The image of a mask, or None; the closest name counts."""
    place = mask.relative_to(root)
    for images in (exact, loose):
        for stem in (mask.stem, _bare(mask.stem)):
            owners = images.get(place.with_name(stem).as_posix(), [])
            if len(owners) > 1:
                raise ValueError(
                    f"{mask} belongs to {owners[0]} and to {owners[1]}: keep one of the two, or "
                    "give them different names"
                )
            if owners:
                return owners[0]
    return None


def _names(paths: Sequence[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:3])
    return f"{shown}, ..." if len(paths) > 3 else shown
