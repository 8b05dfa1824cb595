# SPDX-License-Identifier: Apache-2.0
"""Project folder with links to the user's images, converted masks, and split lists."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from rankseg.datasets.file_checks import Files, FileValidator, Found
from rankseg.datasets.split_drawing import cut_validation, make_split
from rankseg.datasets.splits.splits import LABELED_FILE, UNLABELED_FILE, VAL_FILE, Entry
from rankseg.projects.survey import Survey
from rankseg.utils.atomic_file import WriteError, atomic_write, describe
from rankseg.utils.found_names import fold

VAL_SHARE, MAX_VAL = 0.2, 100
CONVERTED = "class_ids"
"""Folder of converted masks in a project."""


class ProjectFolder:
    """File names in the folder of a project.

    Image folders are not moved: the project contains a link to each of them. Nothing is written
    before :meth:`write_links`.

    Args:
        root: Folder of the project.
        overwrite: Whether links of an earlier project may be replaced.

    Raises:
        ValueError: From :meth:`name`, if the path of a link is already taken.
    """

    def __init__(self, root: Path, overwrite: bool = False) -> None:
        self.root, self.overwrite = root, overwrite
        self._links: dict[str, Path] = {}

    def name(self, path: Path, folder: Path, link: str) -> str:
        """Return the name of a file below the root; its ``folder`` is linked as ``link``."""
        real = Path(os.path.realpath(folder))
        root = Path(os.path.realpath(self.root))
        inside = path.relative_to(folder)
        if real.is_relative_to(root):
            return (real.relative_to(root) / inside).as_posix()
        if link not in self._links:
            self._check(self.root / link, real)
            self._links[link] = real
        return (Path(link) / inside).as_posix()

    def _check(self, place: Path, target: Path) -> None:
        same = place.is_symlink() and Path(os.path.realpath(place)) == target
        if not os.path.lexists(place) or same or (place.is_symlink() and self.overwrite):
            return
        raise self._exists(place, f"a link to {target}", replaceable=place.is_symlink())

    @staticmethod
    def _exists(place: Path, what: str, replaceable: bool) -> ValueError:
        cure = "Replace it with --overwrite, or choose" if replaceable else "Choose"
        return ValueError(
            f"Expected {place} to be free for {what}, but it already exists. {cure} another folder "
            "with --data-out."
        )

    def check_converted(self, *taken: Path) -> None:
        """Check that masks can be created in :data:`CONVERTED`.

        Args:
            *taken: Folders and files of the user, which are never overwritten.

        Raises:
            ValueError: If the folder already exists.
        """
        place = self.root / CONVERTED
        holds_inputs = any(
            Path(os.path.realpath(path)).is_relative_to(os.path.realpath(place)) for path in taken
        )
        exists = place.is_symlink() or (place.exists() and not self.overwrite)
        if holds_inputs or exists:
            raise self._exists(place, "converted masks", replaceable=not holds_inputs)

    def write_links(self) -> None:
        """Create the links.

        Raises:
            WriteError: If the folder is not writable, or its file system does not support links.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for name, target in self._links.items():
                place = self.root / name
                if place.is_symlink():
                    place.unlink()
                place.symlink_to(target, target_is_directory=True)
        except OSError as error:
            raise WriteError(describe(self.root / "images", error)) from error


def converted_names(images: Sequence[Path]) -> list[str]:
    """Return a unique name below the root for each converted mask.

    >>> converted_names([Path("a.jpg"), Path("b.jpg"), Path("b.tif")])
    ['class_ids/a.png', 'class_ids/b.jpg.png', 'class_ids/b.tif.png']
    """
    counts = Counter(fold(path.with_suffix("").as_posix()) for path in images)
    alone = [counts[fold(path.with_suffix("").as_posix())] == 1 for path in images]
    names = [
        path.with_suffix(".png") if one else path.with_name(f"{path.name}.png")
        for path, one in zip(images, alone, strict=True)
    ]
    return [(Path(CONVERTED) / path).as_posix() for path in names]


def write_masks(found: Survey, root: Path, names: Sequence[str]) -> None:
    """Write class ids as PNG files, using threads.

    Args:
        found: Survey whose masks training cannot read directly.
        root: Folder of the project.
        names: Name of each mask below the root.

    Raises:
        WriteError: If a mask cannot be written.
    """

    def write(files: Files) -> Found:
        number, name = int(files[0]), files[1]
        content = cv2.imencode(".png", found.ids(number))[1].tobytes()
        with atomic_write(root / name) as partial:
            partial.write_bytes(content)
        return []

    items = [(str(i), name) for i, name in enumerate(names)]
    FileValidator().run(write, items, "", "masks to write as class ids")


def draw_lists(
    entries: Sequence[Entry], pixels: np.ndarray, val: int | None, labeled: int | None, seed: int
) -> dict[str, list[Entry]]:
    """Draw the three lists of a project.

    Args:
        entries: Images, those with masks first, in the order of the rows of ``pixels``.
        pixels: See :class:`~rankseg.projects.survey.Survey`.
        val: Number of validation images. Default: a fifth of those with masks, between 1 and 100.
        labeled: Number of remaining images that keep their masks. Default: all.
        seed: Random seed; the same seed gives the same lists.

    Returns:
        Entries by name of the list.

    Raises:
        ValueError: If there are too few images.
    """
    count = len(pixels)
    if count < 2:
        raise ValueError(
            "Expected two or more images with a mask, for training and validation, but got "
            f"{count}. Label another image."
        )
    if val is None:
        val = min(MAX_VAL, max(1, round(VAL_SHARE * count)))
    held_out, rest = cut_validation(entries[:count], val, seed, pixels)
    unlabeled = [(image, None) for image, _ in entries[count:]]
    if labeled is not None:
        if not 1 <= labeled < len(rest) + bool(unlabeled):
            raise ValueError(
                f"Expected --labeled to be from 1 to {len(rest) - 1 + bool(unlabeled)}, as "
                f"{len(rest)} images have a mask and are not used for validation, but got "
                f"{labeled}. Choose another number."
            )
        if labeled < len(rest):
            row = {entry: i for i, entry in enumerate(entries[:count])}
            rows = pixels[[row[entry] for entry in rest]]
            try:
                rest, more = make_split(rest, labeled, seed, rows)
            except ValueError as error:
                raise ValueError(
                    "Expected enough labeled images to hold all classes, but got --labeled "
                    f"{labeled}. Increase it."
                ) from error
            unlabeled += [(image, None) for image, _ in more]
    if not unlabeled:
        raise ValueError(
            f"Expected images without a mask, but all {count} images have one. Add a folder of "
            "unlabeled images with --unlabeled DIR, or use only some masks with --labeled N."
        )
    return {LABELED_FILE: rest, UNLABELED_FILE: unlabeled, VAL_FILE: held_out}
