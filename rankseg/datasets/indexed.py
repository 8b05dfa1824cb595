# SPDX-License-Identifier: Apache-2.0
"""Published retrieval data sets: image files with an index of their classes and parts."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from rankseg.datasets.base import check_data_root, readme_of
from rankseg.datasets.image_level import ImageLevelDataset
from rankseg.datasets.layouts import LAYOUTS, dataset_option, find_index, missing_index
from rankseg.datasets.splits.splits import Entry
from rankseg.errors import FileError


class Row(NamedTuple):
    """Image of an index.

    Attributes:
        image: File of the image, relative to the data root.
        label: Name of the class.
        part: Part of the image: ``train``, ``test``, ``query`` or ``gallery``.
    """

    image: str
    label: str
    part: str


class IndexedDataset(ImageLevelDataset):
    """One part of a data set whose index gives the class and the part of every image.

    The classes are those of the part, in index order. Training and test parts therefore have
    different classes.

    Args:
        data_root: Folder of the data set as distributed.
        ann_file: List of some of the images of the part, with names relative to the data root;
            empty uses all.
        part: ``"train"``, ``"test"`` or another part of the data set.
        check_counts: Compare the numbers of images and classes with the published ones.
        metainfo: See :class:`ListDataset`, without classes.
        **kwargs: As in :class:`ImageLevelDataset`.

    Raises:
        FileNotFoundError: If the data root, the index, the list or an image is missing.
        ValueError: If the part does not exist, the index is damaged or incomplete, or the list
            names an image outside the part.
    """

    PARTS: dict[str, tuple[str, ...]] = {"train": ("train",), "test": ("test",)}
    """Names in the index of the rows of each part."""
    PUBLISHED: dict[str, tuple[int, int]] = {}
    """Published numbers of images and classes of every part."""
    ann_file: str = ""  # `source` reads it before the base class sets it

    def __init__(
        self,
        data_root: str | None = None,
        ann_file: str = "",
        part: str = "train",
        check_counts: bool = True,
        metainfo: Mapping | None = None,
        **kwargs,
    ) -> None:
        if part not in self.PARTS:
            raise ValueError(
                f"part of {type(self).__name__} is {part!r}: expected one of {sorted(self.PARTS)}"
            )
        self.part = part
        self.data_root = str(check_data_root(data_root, type(self).__name__))
        classes = tuple(dict.fromkeys(row.label for row in self.rows()))
        if check_counts:
            self._check_counts(len(classes))
        metainfo = {**(metainfo or {}), "classes": classes}
        super().__init__(data_root=data_root, ann_file=ann_file, metainfo=metainfo, **kwargs)

    @classmethod
    def read_index(cls, root: Path, paths: Sequence[Path]) -> list[Row]:
        """Read the files of :data:`~rankseg.datasets.layouts.LAYOUTS` below a data root.

        Raises:
            ValueError, KeyError, ...: If a file is damaged; the caller names the file.
        """
        raise NotImplementedError

    def rows(self) -> list[Row]:
        """Return the rows of the part.

        Raises:
            FileNotFoundError: If there is no index.
            ValueError: If the index is damaged or has no image of the part.
        """
        paths = find_index(self.data_root, type(self).__name__)
        if paths is None:
            name = type(self).__name__
            raise FileNotFoundError(
                f"{missing_index(self.data_root, name)} ({readme_of(name)} shows the layout)"
            )
        stamps = tuple((str(path), path.stat().st_mtime_ns) for path in paths)
        rows = _read_once(type(self), self.data_root, stamps)
        found = [row for row in rows if row.part in self.PARTS[self.part]]
        if not found:
            raise ValueError(f"{self.source} names no image: fetch the index anew")
        return found

    def _check_counts(self, classes: int) -> None:
        """Compare the numbers with the published ones."""
        found, published = (len(self.rows()), classes), self.PUBLISHED[self.part]
        if found != published:
            raise ValueError(
                f"{self.source} has {found[0]:,} images of {found[1]:,} classes, published are "
                f"{published[0]:,} of {published[1]:,}: fetch the set anew, or use a part of it "
                "with check_counts=False"
            )

    def whole(self) -> list[Entry]:
        """List every image of the part."""
        return [(row.image, row.label) for row in self.rows()]

    def locate(self, entries: Sequence[Entry]) -> tuple[list[dict], list[str | None]]:
        """Return paths, classes and, if the part has several roles, the role of each image."""
        known = {row.image: row for row in self.rows()}
        strange = [image for image, _ in entries if image not in known]
        if strange:
            raise ValueError(
                f"{self.source} names {strange[0]} (the first of {len(strange)} of them), which is "
                f"not of the part '{self.part}' of {self.title}: draw the list anew with "
                f"tools/make_splits.py labels --dataset {dataset_option(type(self).__name__)}"
            )
        rows = [known[image] for image, _ in entries]
        samples: list[dict] = [{"img_path": os.path.join(self.data_root, r.image)} for r in rows]
        self._check_exist([sample["img_path"] for sample in samples], "image")
        for sample, row in zip(samples, rows, strict=True):
            if row.part != self.part:
                sample["role"] = row.part
        return samples, [row.label for row in rows]

    @property
    def title(self) -> str:
        """Name of the data set."""
        return LAYOUTS[type(self).__name__].title

    @property
    def source(self) -> str:
        """Source of the samples, for messages."""
        if self.ann_file:
            return super().source
        return f"part '{self.part}' of {self.title} in {self.data_root}"


@lru_cache(maxsize=8)
def _read_once(
    kind: type[IndexedDataset], root: str, files: tuple[tuple[str, int], ...]
) -> list[Row]:
    """Read index rows and cache them for the life of the process; a changed file is read again.

    Raises:
        FileError: If the index is damaged.
    """
    paths = [Path(path) for path, _ in files]
    try:
        rows = kind.read_index(Path(root), paths)
    except Exception as error:  # a damaged file can raise anything
        raise FileError(
            f"{' or '.join(map(str, paths))} is damaged or of another kind "
            f"({type(error).__name__}: {error}): fetch the index of "
            f"{LAYOUTS[kind.__name__].title} anew"
        ) from error
    twice = [image for image, count in Counter(row.image for row in rows).items() if count > 1]
    if twice:
        raise FileError(f"{paths[0]} names image {twice[0]} twice: fetch the index anew")
    return rows


def read_table(path: Path, columns: int, skip: int = 0) -> list[list[str]]:
    """Read lines of whitespace-separated words.

    Args:
        path: A text file.
        columns: Number of words in every line.
        skip: Number of lines to skip at the start.

    Raises:
        ValueError: If a line has another number of words; names the first one.
    """
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()[skip:]]
    rows = [row for row in rows if row]
    wrong = next((row for row in rows if len(row) != columns), None)
    if wrong is not None:
        raise ValueError(f"{path.name} has the line '{' '.join(wrong)}', not of {columns} words")
    return rows
