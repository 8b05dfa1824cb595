# SPDX-License-Identifier: Apache-2.0
"""Published retrieval data sets: image files with an index of their classes and parts."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from rankseg.datasets.base import check_data_root, hint
from rankseg.datasets.image_level import ImageLevelDataset
from rankseg.datasets.splits.splits import Entry
from rankseg.datasets.standin import evaluation_sets
from rankseg.datasets.standin.classes import StandinImage, make_retrieval_standin
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

    SECTION = "Sets for retrieval"
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
                f"Expected part of {type(self).__name__} to be one of {sorted(self.PARTS)}, but "
                f"got {part!r}."
            )
        self.part = part
        self.data_root = str(check_data_root(data_root, type(self)))
        classes = tuple(dict.fromkeys(row.label for row in self.rows()))
        if check_counts:
            self._check_counts(len(classes))
        metainfo = {**(metainfo or {}), "classes": classes}
        super().__init__(data_root=data_root, ann_file=ann_file, metainfo=metainfo, **kwargs)

    @classmethod
    def read_index(cls, root: Path, paths: Sequence[Path]) -> list[Row]:
        """Read the files of an alternative of ``INDEX`` below a data root.

        Raises:
            ValueError, KeyError, ...: If a file is damaged; the caller names the file.
        """
        raise NotImplementedError

    @classmethod
    def write_index(cls, root: Path, images: Sequence[StandinImage]) -> list[str]:
        """Write an index of generated images, for ``--tiny`` without the data set.

        Args:
            root: The data root.
            images: The images, which the caller writes.

        Returns:
            File of every image, relative to the data root.
        """
        raise ValueError(
            f"Expected {cls.__name__} to define write_index. Define it, or give --data-root."
        )

    @classmethod
    def make_standin(cls, cfg: Config) -> Path:
        """See the base class."""
        root = make_retrieval_standin(cfg, cls.write_index, same_classes=False)
        for node in (cfg.train_dataloader.dataset.dataset, *evaluation_sets(cfg)):
            node.check_counts = False
        return root

    def rows(self) -> list[Row]:
        """Return the rows of the part.

        Raises:
            FileNotFoundError: If there is no index.
            ValueError: If the index is damaged or has no image of the part.
        """
        paths = self.find_index(self.data_root)
        if paths is None:
            raise FileNotFoundError(self._missing_index())
        stamps = tuple((str(path), path.stat().st_mtime_ns) for path in paths)
        rows = _read_once(type(self), self.data_root, stamps)
        found = [row for row in rows if row.part in self.PARTS[self.part]]
        if not found:
            raise ValueError(
                f"Expected {self.source} to have images, but got none. Download the index again."
            )
        return found

    def _missing_index(self) -> str:
        """Describe which files are missing, and the sub-folder that contains them, if any."""
        root, wanted = Path(self.data_root), " or ".join(map(_listed, self.INDEX))
        below = (path for path in sorted(root.iterdir()) if path.is_dir())
        inside = next((path for path in below if self.recognizes(path)), None)
        cure = f"Set it to {inside}, which has them." if inside else ""
        cure = hint(root) or cure
        return (
            f"Expected data root '{root}' to hold {self.TITLE} with {wanted}, but these files are "
            f"missing. {cure}{' ' if cure else ''}{self.readme()} shows the layout."
        )

    def _check_counts(self, classes: int) -> None:
        """Compare the numbers with the published ones."""
        found, published = (len(self.rows()), classes), self.PUBLISHED[self.part]
        if found != published:
            raise ValueError(
                f"Expected {self.source} to have the published {published[0]:,} images of "
                f"{published[1]:,} classes, but got {found[0]:,} of {found[1]:,}. Download the set "
                "again, or use a part of it with check_counts=False."
            )

    def whole(self) -> list[Entry]:
        """List every image of the part."""
        return [(row.image, row.label) for row in self.rows()]

    def locate(self, entries: Sequence[Entry]) -> tuple[list[dict], list[str | None]]:
        """Return paths, classes and, if the part has several roles, the role of each image."""
        known = {row.image: row for row in self.rows()}
        unknown = [image for image, _ in entries if image not in known]
        if unknown:
            raise ValueError(
                f"Expected {self.source} to name images of part '{self.part}' of {self.TITLE}, but "
                f"got {unknown[0]} (the first of {len(unknown)} others). Draw the list again with "
                f"`python tools/make_splits.py labels --dataset {self.SHORT_NAME}`."
            )
        rows = [known[image] for image, _ in entries]
        samples: list[dict] = [{"img_path": os.path.join(self.data_root, r.image)} for r in rows]
        self._check_exist([sample["img_path"] for sample in samples], "image")
        for sample, row in zip(samples, rows, strict=True):
            if row.part != self.part:
                sample["role"] = row.part
        return samples, [row.label for row in rows]

    @property
    def source(self) -> str:
        """Source of the samples, for messages."""
        if self.ann_file:
            return super().source
        return f"part '{self.part}' of {self.TITLE} in {self.data_root}"


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
            f"Expected {' or '.join(map(str, paths))} to be the index of {kind.TITLE}, but reading "
            f"it failed ({type(error).__name__}: {error}). Download the index again."
        ) from error
    twice = [image for image, count in Counter(row.image for row in rows).items() if count > 1]
    if twice:
        raise FileError(
            f"Expected {paths[0]} to name every image once, but got {twice[0]} twice. Download the "
            "index again."
        )
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
        raise ValueError(
            f"Expected {path.name} to have lines of {columns} words, but got '{' '.join(wrong)}'."
        )
    return rows


def write_table(path: Path, rows: Iterable[Sequence]) -> None:
    """Write rows as lines of words; the counterpart of :func:`read_table`."""
    path.write_text("".join(f"{' '.join(map(str, row))}\n" for row in rows))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
