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

VAL_SHARE, MOST_VAL = 0.2, 100
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
        cure = "replace it with --overwrite, or " if place.is_symlink() else ""
        raise ValueError(
            f"{place} exists already, and a link to {target} would lie there: {cure}name another "
            "folder with --data-out"
        )

    def check_converted(self, *taken: Path) -> None:
        """Check that masks can be created in :data:`CONVERTED`.

        Args:
            *taken: Folders and files of the user, which are never overwritten.

        Raises:
            ValueError: If the folder already exists.
        """
        place = self.root / CONVERTED
        own = any(
            Path(os.path.realpath(one)).is_relative_to(os.path.realpath(place)) for one in taken
        )
        if own or place.is_symlink() or (place.exists() and not self.overwrite):
            cure = "" if own else "replace it with --overwrite, or "
            raise ValueError(
                f"{place} exists already, and masks would be written there: {cure}name another "
                "folder with --data-out"
            )

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
    FileValidator().each(write, items, "", "masks that are written as class ids")


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
            "one image has a mask: expected two or more, to learn from and to judge by; label "
            "another"
        )
    if val is None:
        val = min(MOST_VAL, max(1, round(VAL_SHARE * count)))
    held_out, rest = cut_validation(entries[:count], val, seed, pixels)
    bare = [(image, None) for image, _ in entries[count:]]
    if labeled is not None:
        if not 1 <= labeled < len(rest) + bool(bare):
            raise ValueError(
                f"--labeled {labeled}: expected from 1 to {len(rest) - 1 + bool(bare)}, as "
                f"{len(rest)} images have a mask and are not kept for validation"
            )
        if labeled < len(rest):
            row = {entry: i for i, entry in enumerate(entries[:count])}
            rows = pixels[[row[entry] for entry in rest]]
            try:
                rest, more = make_split(rest, labeled, seed, rows)
            except ValueError as error:
                raise ValueError(
                    f"--labeled {labeled}: so few images cannot hold all classes; use more"
                ) from error
            bare += [(image, None) for image, _ in more]
    if not bare:
        raise ValueError(
            f"all {count} images have a mask, so that none is left to learn from without: name a "
            "folder of images without masks with --unlabeled DIR, or use the masks of some only "
            "with --labeled N"
        )
    return {LABELED_FILE: rest, UNLABELED_FILE: bare, VAL_FILE: held_out}
