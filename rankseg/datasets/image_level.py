# SPDX-License-Identifier: Apache-2.0
"""Data sets with one class per image: from files, or from arrays that are read as a whole."""

import difflib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log

from rankseg.datasets.base import ListDataset, make_palette, missing_files, readme_of
from rankseg.datasets.class_names import check_names
from rankseg.datasets.relabel import check_groups, check_noise, corrupt, read_groups
from rankseg.datasets.splits.splits import Entry


class ImageLevelDataset(ListDataset):
    """Images and the names of their classes: one ``image class`` per line of a list.

    A sample has ``img_path`` (for sets in arrays a name of the same form) and, where its class is
    known, ``gt_label``, the class id. Without a list the data set is a whole part or folder.

    Args:
        *args: As in :class:`ListDataset`.
        with_labels: Every image must have a class. ``False``: an image may have none, or one that
            is not among ``classes``; it then has no ``gt_label``.
        coarse: Groups of classes that are one class each: the group of every class by name, or a
            file of ``class group`` lines, relative to the data root. ``True`` takes the groups that
            the data set is published with. Lists and folders go on naming the finer classes;
            ``classes`` are the groups, sorted.
        label_noise: ``dict(share=0.25, seed=0)`` gives that share of the images, in ``[0, 1]``,
            another class, drawn evenly from all others. Only where ``with_labels``: what is known
            of unlabelled images stays true. Not for data to test on.
        **kwargs: As in :class:`ListDataset`.

    Raises:
        FileNotFoundError: If the data root, a list, the file of groups or an image is missing.
        ValueError: If a list is empty, a class is not known, an image has none, a class has no
            group, or the noise is none.

    Source: CMSF (ECCV 2022), section 3.2: ImageNet with coarse labels, noisy labels.
    """

    LINE = "image class"
    GROUPS: dict[str, str] = {}
    """The published group of every class, where there is one."""

    def __init__(
        self,
        *args,
        with_labels: bool = True,
        coarse: Mapping[str, str] | str | bool | None = None,
        label_noise: Mapping | None = None,
        **kwargs,
    ) -> None:
        self.with_labels = with_labels
        self.coarse = coarse or None
        self.label_noise = check_noise(label_noise)
        super().__init__(*args, **kwargs)

    def _complete(self, metainfo: Mapping | None) -> dict:
        """Note the classes of lists and folders, and merge those that are in one group."""
        merged = super()._complete(metainfo)
        self.fine_classes: tuple[str, ...] = merged["classes"]
        self.group_of = {name: name for name in self.fine_classes}
        if self.coarse is None:
            return merged
        groups = self.GROUPS if self.coarse is True else self.coarse
        if self.coarse is True and not groups:
            raise ValueError(
                f"coarse=True of {type(self).__name__}: it is published without groups of classes; "
                "give them as a dict or as a file of 'class group' lines"
            )
        if isinstance(groups, str):
            groups = read_groups(os.path.join(self.data_root, groups))
        self.group_of = check_groups(groups, self.fine_classes)
        groups_of = f"groups of the classes of {type(self).__name__}"
        names = check_names(sorted(set(self.group_of.values())), groups_of)
        return {**merged, "classes": names, "palette": make_palette(len(names))}

    def whole(self) -> list[Entry]:
        """Every image of the part with its class, for when there is no list."""
        return super()._read("")

    def locate(self, entries: Sequence[Entry]) -> tuple[list[dict], list[str | None]]:
        """Find the images of a list.

        Returns:
            What a sample holds besides its class, and the class that follows from where the image
            lies, if any, for every entry.

        Raises:
            FileNotFoundError: If an image does not exist.
        """
        raise NotImplementedError

    def _read(self, path: str) -> list[Entry]:
        return super()._read(path) if path else self.whole()

    def load_data_list(self) -> list[dict]:
        """Turn the list into samples with class ids."""
        entries = self.load_entries()
        samples, found = self.locate(entries)
        names = [given or known for (_, given), known in zip(entries, found, strict=True)]
        number = {name: k for k, name in enumerate(self.classes)}
        ids = {name: number[group] for name, group in self.group_of.items()}
        if self.with_labels:
            self._check_classes(entries, names, ids)
        for sample, name in zip(samples, names, strict=True):
            if name in ids:
                sample["gt_label"] = ids[name]
        if self.label_noise and self.with_labels:
            self._add_noise(samples)
        return samples

    def _add_noise(self, samples: Sequence[dict]) -> None:
        """Give some samples another class."""
        label = np.array([sample["gt_label"] for sample in samples])
        noisy = corrupt(label, len(self.classes), **self.label_noise)
        for sample, k in zip(samples, noisy.tolist(), strict=True):
            sample["gt_label"] = k
        print_log(
            f"{self.source}: {(noisy != label).sum()} of {len(label)} labels are changed at random "
            f"(label_noise={self.label_noise})",
            logger="current",
        )

    def class_ids(self) -> np.ndarray:
        """``(N,)`` int64 class ids in the order of the data set, -1 where the class is unknown."""
        samples = map(super().get_data_info, range(len(self)))
        return np.array([sample.get("gt_label", -1) for sample in samples], dtype=np.int64)

    @property
    def source(self) -> str:
        """Where the samples come from, for messages."""
        return super().source if self.ann_file else f"data root {self.data_root}"

    def _check_classes(
        self, entries: Sequence[Entry], names: Sequence[str | None], ids: dict[str, int]
    ) -> None:
        wrong = [i for i, name in enumerate(names) if name not in ids]
        if not wrong:
            return
        image, name = entries[wrong[0]][0], names[wrong[0]]
        count = f" ({len(wrong)} of {len(names)} images are like it)" if len(wrong) > 1 else ""
        if name is None:
            raise ValueError(
                f"{self.source}: image {image} has no class{count}: expected 'image class' lines; "
                "images without a class belong into the unlabelled list"
            )
        near = difflib.get_close_matches(name, ids, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        known = f"{', '.join(list(ids)[:5])}{', ...' if len(ids) > 5 else ''}"
        raise ValueError(
            f"{self.source}: image {image} has the class '{name}', which is none of the "
            f"{len(ids)} known ({known}){count}: {hint}correct the name, or name all "
            "classes, one per line in id order, in DATA_ROOT/classes.txt"
        )


class Arrays(NamedTuple):
    """One part of a data set.

    Attributes:
        images: ``(N, H, W, 3)`` uint8 RGB.
        labels: ``(N,)`` int64 class ids.
    """

    images: np.ndarray
    labels: np.ndarray


class ArrayDataset(ImageLevelDataset):
    """Images that lie in arrays, named ``part/index``: ``train/00017`` is the 18th of its part.

    The arrays are read once in a process and are no part of the data set object: the labelled and
    the unlabelled half share them, so do forked workers, and a pickled data set does not hold them.

    Args:
        part: The images where there is no list: a key of ``PARTS``. A list may name images of any
            part.
        **kwargs: As in :class:`ImageLevelDataset`.

    Raises:
        FileNotFoundError: If the data root, a list or a file of the data set is missing.
        ValueError: If there is no such part, a file is not what it should be, or a list names an
            image that does not exist or a class that is not known.
    """

    PARTS: dict[str, tuple[str, ...]] = {}
    """Files by part, relative to the data root, which may also be the folder that they lie in."""

    def __init__(self, *args, part: str = "train", **kwargs) -> None:
        if part not in self.PARTS:
            raise ValueError(
                f"part of {type(self).__name__} is {part!r}: expected one of {sorted(self.PARTS)}"
            )
        self.part = part
        self._files: dict[str, tuple[tuple[str, int], ...]] = {}
        super().__init__(*args, **kwargs)

    @staticmethod
    def read_files(paths: Sequence[str]) -> Arrays:
        """Read the files of a part, in their order.

        Raises:
            ValueError: If a file is not what it should be.
        """
        raise NotImplementedError

    def arrays(self, part: str) -> Arrays:
        """The images and labels of a part; the arrays cannot be written to.

        Raises:
            FileNotFoundError: If a file of the part is missing.
            ValueError: If one is not what it should be.
        """
        if part not in self._files:
            inside = os.path.join(self.data_root, os.path.basename(self.PARTS[part][0]))
            strip = os.path.basename if os.path.isfile(inside) else str
            paths = [os.path.join(self.data_root, strip(name)) for name in self.PARTS[part]]
            if gone := missing_files(paths):
                raise FileNotFoundError(
                    f"{gone[0]}, a file of {type(self).__name__}, does not exist: "
                    f"{readme_of(type(self).__name__)} shows what belongs into the data root "
                    f"'{self.data_root}' (data_root, --data-root)"
                )
            self._files[part] = tuple((path, os.stat(path).st_mtime_ns) for path in paths)
        return _read_once(type(self), self._files[part])

    def whole(self) -> list[Entry]:
        """Every image of the part."""
        labels = self.arrays(self.part).labels
        return [(f"{self.part}/{i:05}", self.fine_classes[k]) for i, k in enumerate(labels)]

    def locate(self, entries: Sequence[Entry]) -> tuple[list[dict], list[str | None]]:
        """Rows of the images, and their classes."""
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
                f"{self.data_root} does: the list counts",
                level=logging.WARNING,
            )
        return samples, found

    def _rows(self, entries: Sequence[Entry]) -> Iterator[tuple[str, int]]:
        """Part and row of every name of a list."""
        for name, _ in entries:
            part, _, index = name.rpartition("/")
            total = len(self.arrays(part).labels) if part in self.PARTS else 0
            if not index.isdecimal() or f"{int(index):05}" != index or int(index) >= total:
                known = " or ".join(f"'{part}/00000'" for part in self.PARTS)
                limit = f" to '{part}/{total - 1:05}'" if total else ""
                raise ValueError(
                    f"{self.source} names '{name}': {type(self).__name__} expects a name like "
                    f"{known}{limit}; draw the list anew with tools/make_splits.py labels"
                )
            yield part, int(index)

    def get_data_info(self, idx: int) -> dict:
        """A sample with its image, ``img``: ``(H, W, 3)`` uint8 RGB that cannot be written to."""
        info = super().get_data_info(idx)
        info["img"] = self.arrays(info["part"]).images[info["row"]]
        return info

    @property
    def source(self) -> str:
        """Where the samples come from, for messages."""
        return super().source if self.ann_file else f"{self.part} part in {self.data_root}"


@lru_cache(maxsize=8)
def _read_once(kind: type[ArrayDataset], files: tuple[tuple[str, int], ...]) -> Arrays:
    """Arrays of some files, kept for the life of the process; a file that changes is read anew."""
    arrays = kind.read_files([path for path, _ in files])
    for array in arrays:
        array.flags.writeable = False
    return arrays
