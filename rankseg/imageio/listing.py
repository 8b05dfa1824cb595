# SPDX-License-Identifier: Apache-2.0
"""Lists of the image files in a folder and its subfolders."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")
ENDINGS += (".jfif", ".jpe", ".jp2", ".pbm")
TIFF = (".tif", ".tiff")


def walk_files(folder: str | Path) -> Iterator[Path]:
    """Yield all files that are not hidden in a folder and its subfolders, following links."""
    visited = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:  # a link to a parent folder would loop forever
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        yield from (Path(place, file) for file in files if not file.startswith("."))


def walk_images(folder: str | Path) -> list[Path]:
    """List the files with an image extension in a folder and its subfolders, following links.

    Hidden files and folders, such as those of thumbnails, are skipped.
    """
    return [file for file in walk_files(folder) if file.suffix.lower() in ENDINGS]


def list_images(place: str | Path) -> list[tuple[Path, str]]:
    """List the image files of a folder and its subfolders, or a single file, with their names.

    Hidden files and folders are skipped. The list is sorted by name, and numbers in names by value.

    Raises:
        FileNotFoundError: If the file or folder does not exist, or the folder contains no image.
        ValueError: If two files differ only in their extension, as their masks would have one name.
    """
    place = Path(place)
    if place.is_file():
        return [(place, place.stem)]
    if not place.is_dir():
        raise FileNotFoundError(
            f"Expected {place} to be an image or a folder of images, but it does not exist. "
            "Check the path."
        )
    named: dict[str, Path] = {}
    for file in sorted(walk_images(place), key=_natural_order):
        name = file.relative_to(place).with_suffix("").as_posix()
        if name in named:
            raise ValueError(
                f"Expected image names that differ in more than their extension, but got "
                f"{named[name]} and {file}, whose results would share the name {name}. "
                "Rename one of them, or move it to another folder."
            )
        named[name] = file
    if not named:
        raise FileNotFoundError(
            f"Expected input folder {place} to contain images ({', '.join(ENDINGS)}), but it "
            "contains none. Check the path."
        )
    return [(file, name) for name, file in named.items()]


def _natural_order(path: Path) -> list[str | int]:
    """Return a sort key that puts ``slice_10`` after ``slice_9``."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]
