# SPDX-License-Identifier: Apache-2.0
"""Data sets with one class per image, read from files or from arrays."""

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
    """Data set of images and class names, one ``image class`` pair per line of a list.

    A sample has ``img_path`` (for array data sets, a name of the same form) and, if its class is
    known, the class id ``gt_label``. Without a list the data set is a whole part or folder.

    Args:
        *args: As in :class:`ListDataset`.
        with_labels: Require a class for every image. If ``False``, an image may have no class or
            one that is not in ``classes``; it then has no ``gt_label``.
        coarse: Groups of classes to merge: a mapping from class name to group name, or a file of
            ``class group`` lines, relative to the data root. ``True`` uses the groups that the data
            set is published with. Lists and folders still name the fine classes; ``classes`` are
            the sorted groups.
        label_noise: ``dict(share=0.25, seed=0)`` replaces the class of that share of the images, in
            ``[0, 1]``, by another class drawn uniformly. Applies only if ``with_labels``; known
            classes of unlabeled images stay correct. Do not use it for test data.
        **kwargs: As in :class:`ListDataset`.

    Raises:
        FileNotFoundError: If the data root, a list, the file of groups or an image is missing.
        ValueError: If a list is empty, a class is unknown, an image has no class, a class has no
            group, or the noise is invalid.

    Source: CMSF (ECCV 2022), section 3.2: ImageNet with coarse labels, noisy labels.
    """

    image_level = True
    LINE = "image class"
    GROUPS: dict[str, str] = {}
    """Published group of every class, if there is one."""

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
        """Store the fine classes and merge those of one group."""
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
        """List every image of the part with its class, for use without a list."""
        return super()._read("")

    def locate(self, entries: Sequence[Entry]) -> tuple[list[dict], list[str | None]]:
        """Find the images of a list.

        Returns:
            For every entry, the sample fields other than the class, and the class implied by the
            location of the image, if any.

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
        """Assign another class to some samples."""
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
        """Return ``(N,)`` int64 class ids in data set order, -1 for an unknown class."""
        samples = map(super().get_data_info, range(len(self)))
        return np.array([sample.get("gt_label", -1) for sample in samples], dtype=np.int64)

    @property
    def source(self) -> str:
        """Source of the samples, for messages."""
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

    PARTS: dict[str, tuple[str, ...]] = {}
    """Files of each part, relative to the data root or to the folder that contains them."""

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
        """Read the files of a part in order.

        Raises:
            ValueError: If a file has invalid content.
        """
        raise NotImplementedError

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
                    f"{gone[0]}, a file of {type(self).__name__}, does not exist: "
                    f"{readme_of(type(self).__name__)} shows what belongs into the data root "
                    f"'{self.data_root}' (data_root, --data-root)"
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
                f"{self.data_root} does: the list counts",
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
                    f"{self.source} names '{name}': {type(self).__name__} expects a name like "
                    f"{known}{limit}; draw the list anew with tools/make_splits.py labels"
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
