# SPDX-License-Identifier: Apache-2.0
"""Data sets with one class per image, read from arrays."""

import logging
import os
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log

from rankseg.datasets.file_checks import missing_files
from rankseg.datasets.image_level import ImageLevelDataset
from rankseg.datasets.splits.splits import Entry
from rankseg.datasets.standin import temporary_root
from rankseg.datasets.standin.classes import array_entries, numbered, paint


class Arrays(NamedTuple):
    """Images and labels of one part of a data set.

    Attributes:
        images: ``(N, H, W, 3)`` uint8 RGB.
        labels: ``(N,)`` int64 class ids.
    """

    images: np.ndarray
    labels: np.ndarray


class ArrayDataset(ImageLevelDataset):
    """Data set of images in arrays, named ``part/index``: ``train/00017`` is the 18th of its part.

    Each process reads the arrays once. They are not stored in the data set object: the labeled and
    the unlabeled part and forked workers share them, and a pickled data set does not contain them.

    Args:
        part: Part to use if there is no list: a key of ``PARTS``. A list may name images of any
            part.
        **kwargs: As in :class:`ImageLevelDataset`.

    Raises:
        FileNotFoundError: If the data root, a list or a file of the data set is missing.
        ValueError: If the part does not exist, a file has invalid content, or a list names an
            unknown image or class.
    """

    HAS_FILES = False
    PARTS: dict[str, tuple[str, ...]] = {}
    """Files of each part, relative to the data root or to the folder that contains them."""

    def __init__(self, *args, part: str = "train", **kwargs) -> None:
        if part not in self.PARTS:
            raise ValueError(
                f"Expected part of {type(self).__name__} to be one of {sorted(self.PARTS)}, but "
                f"got {part!r}."
            )
        self.part = part
        self._files: dict[str, tuple[tuple[str, int], ...]] = {}
        super().__init__(*args, **kwargs)

    @staticmethod
    def read_files(paths: Sequence[str]) -> Arrays:
        """Read the files of a part in order.

        Raises:
            ValueError: If a file has invalid content.
        """
        raise NotImplementedError

    @staticmethod
    def write_file(path: str, arrays: Arrays) -> None:
        """Write one file of generated images, for ``--tiny`` without the data set."""
        raise NotImplementedError

    @classmethod
    def standin_entries(cls, node: dict, part: str, classes: Sequence[str]) -> list[Entry]:
        """See the base class."""
        return array_entries(part, classes)

    @classmethod
    def write_standin(
        cls, classes: tuple[str, ...], nodes: Sequence[dict], size: tuple[int, int]
    ) -> Path:
        """See the base class; the images have 32 x 32 pixels."""
        return _write_standin(cls, classes)

    def arrays(self, part: str) -> Arrays:
        """Return the images and labels of a part as read-only arrays.

        Raises:
            FileNotFoundError: If a file of the part is missing.
            ValueError: If a file has invalid content.
        """
        if part not in self._files:
            inside = os.path.join(self.data_root, os.path.basename(self.PARTS[part][0]))
            strip = os.path.basename if os.path.isfile(inside) else str
            paths = [os.path.join(self.data_root, strip(name)) for name in self.PARTS[part]]
            if gone := missing_files(paths):
                raise FileNotFoundError(
                    f"{gone[0]}, a file of {type(self).__name__}, does not exist. {self.readme()} "
                    f"shows the layout of the data root '{self.data_root}' (data_root, "
                    "--data-root)."
                )
            self._files[part] = tuple((path, os.stat(path).st_mtime_ns) for path in paths)
        return _read_once(type(self), self._files[part])

    def whole(self) -> list[Entry]:
        """List every image of the part."""
        labels = self.arrays(self.part).labels
        return [(f"{self.part}/{i:05}", self.fine_classes[k]) for i, k in enumerate(labels)]

    def locate(self, entries: Sequence[Entry]) -> tuple[list[dict], list[str | None]]:
        """Return the rows of the images and their classes."""
        rows = list(self._rows(entries))
        samples = [
            {"img_path": os.path.join(self.data_root, name), "part": part, "row": row}
            for (name, _), (part, row) in zip(entries, rows, strict=True)
        ]
        found = [self.fine_classes[self.arrays(part).labels[row]] for part, row in rows]
        other = sum(given not in (None, k) for (_, given), k in zip(entries, found, strict=True))
        if other and self.with_labels:
            print_log(
                f"{self.source} gives {other} of {len(entries)} images another class than "
                f"{self.data_root}. The classes of the list are used.",
                level=logging.WARNING,
            )
        return samples, found

    def _rows(self, entries: Sequence[Entry]) -> Iterator[tuple[str, int]]:
        """Yield part and row for every name of a list."""
        for name, _ in entries:
            part, _, index = name.rpartition("/")
            total = len(self.arrays(part).labels) if part in self.PARTS else 0
            if not index.isdecimal() or f"{int(index):05}" != index or int(index) >= total:
                known = " or ".join(f"'{part}/00000'" for part in self.PARTS)
                limit = f" to '{part}/{total - 1:05}'" if total else ""
                raise ValueError(
                    f"Expected {self.source} to have names such as {known}{limit}, but got "
                    f"'{name}'. Draw the list again with `python tools/make_splits.py labels`."
                )
            yield part, int(index)

    def get_data_info(self, idx: int) -> dict:
        """Return a sample with its image ``img``: ``(H, W, 3)`` uint8 RGB, read-only."""
        info = super().get_data_info(idx)
        info["img"] = self.arrays(info["part"]).images[info["row"]]
        return info

    @property
    def source(self) -> str:
        """Source of the samples, for messages."""
        return super().source if self.ann_file else f"{self.part} part in {self.data_root}"


@lru_cache(maxsize=8)
def _read_once(kind: type[ArrayDataset], files: tuple[tuple[str, int], ...]) -> Arrays:
    """Read arrays and cache them for the life of the process; a changed file is read again."""
    arrays = kind.read_files([path for path, _ in files])
    for array in arrays:
        array.flags.writeable = False
    return arrays


@cache
def _write_standin(kind: type[ArrayDataset], classes: tuple[str, ...]) -> Path:
    """Write the files of generated images, once per process."""
    root = temporary_root()
    for part, files in kind.PARTS.items():
        lists = ("test",) if part == "test" else ("labeled", "unlabeled", "val")
        labels = [i % len(classes) for one in lists for i, _ in numbered(one, classes)]
        for name, some in zip(files, np.array_split(labels, len(files)), strict=True):
            images = np.stack([paint(int(k), size=(32, 32)) for k in some])
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            kind.write_file(str(root / name), Arrays(images, some))
    return root
