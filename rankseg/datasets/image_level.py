# SPDX-License-Identifier: Apache-2.0
"""Data sets with one class per image."""

import difflib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log

from rankseg.datasets.base import ListDataset
from rankseg.datasets.checks import (
    check_covered,
    check_images,
    check_new_classes,
    check_same_classes,
)
from rankseg.datasets.class_names import check_names
from rankseg.datasets.file_checks import FileValidator
from rankseg.datasets.relabel import check_groups, check_noise, corrupt, read_groups
from rankseg.datasets.splits.splits import Entry
from rankseg.datasets.standin.classes import make_class_standin, numbered, write_class_folders
from rankseg.utils.palette import distinct_colors


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
    CHECK_LIMIT = 2000  # a list may have a million images
    FOLDER = ""
    """Default of ``FOLDER_OPTION``."""
    NEEDS_LIST = False
    """Whether the images are known only from a list."""
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
                "Expected a data set with published groups of classes for coarse=True, but got "
                f"{type(self).__name__}. Give the groups as a dict or a file of 'class group' "
                "lines."
            )
        if isinstance(groups, str):
            groups = read_groups(os.path.join(self.data_root, groups))
        self.group_of = check_groups(groups, self.fine_classes)
        groups_of = f"groups of the classes of {type(self).__name__}"
        names = check_names(sorted(set(self.group_of.values())), groups_of)
        return {
            **merged,
            "classes": names,
            "palette": distinct_colors(len(names), background=False),
        }

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

    @classmethod
    def list_cure(cls, path: str | Path, data_root: str | Path, binary: bool = False) -> str:
        """See the base class."""
        name = Path(path).parent.name
        known = re.fullmatch(r"(\d+)(?:_seed(\d+))?", name)
        size, seed = known.groups() if known else (None, None)
        options = f"--size {size or 'N'} --seed {seed or 0} --val-share 0"
        options += "" if seed else f" --name {shlex.quote(name)}"
        options += " --list LIST" if cls.NEEDS_LIST else ""
        return (
            f"Make it with `python tools/make_splits.py labels --data-root "
            f"{shlex.quote(str(data_root))} --dataset {cls.SHORT_NAME} {options}` (without "
            "--val-share a fifth of the labeled images is kept for validation)."
        )

    @classmethod
    def make_standin(cls, cfg: Config) -> Path:
        """See the base class."""
        return make_class_standin(cfg)

    @classmethod
    def standin_entries(cls, node: dict, part: str, classes: Sequence[str]) -> list[Entry]:
        """Return the lines of a list of generated images.

        Args:
            node: Config of the data set.
            part: ``"labeled"``, ``"unlabeled"`` or ``"val"``.
            classes: Names in id order.
        """
        return [(f"{name}/{part}_{i}.jpg", name) for i, name in numbered(part, classes)]

    @classmethod
    def write_standin(
        cls, classes: tuple[str, ...], nodes: Sequence[dict], size: tuple[int, int]
    ) -> Path:
        """Write the generated images.

        Args:
            classes: Names in id order.
            nodes: Configs of the training, the validation and the test set.
            size: Height and width of the images.

        Returns:
            The data root.
        """
        folders = {node.get(cls.FOLDER_OPTION, cls.FOLDER) for node in nodes}
        return write_class_folders(classes, tuple(sorted(folders)), size)

    def check_labels(self) -> None:
        """Check that every class has a labeled image."""
        if not self.label_noise:  # noise may remove all images of a small class
            check_covered(self)

    def check_samples(
        self, limit: int | None = None, validator: FileValidator | None = None
    ) -> list[str]:
        """See the base class."""
        return check_images(self, limit, validator)

    def check_validation(self, unlabeled: ListDataset, val: ListDataset, classes: str) -> None:
        """See the base class."""
        if classes == "same":
            check_same_classes(self, val)
        if classes == "new":
            check_new_classes(self, unlabeled, val)

    def _check_classes(
        self, entries: Sequence[Entry], names: Sequence[str | None], ids: dict[str, int]
    ) -> None:
        wrong = [i for i, name in enumerate(names) if name not in ids]
        if not wrong:
            return
        image, name = entries[wrong[0]][0], names[wrong[0]]
        count = f" ({len(wrong)} of {len(names)} images have this error)" if len(wrong) > 1 else ""
        if name is None:
            raise ValueError(
                f"Expected {self.source} to have 'image class' lines, but got no class for image "
                f"{image}{count}. Name its class, or move it to the unlabeled list."
            )
        near = difflib.get_close_matches(name, ids, n=1)
        guess = f"Did you mean '{near[0]}'? " if near else ""
        known = f"{', '.join(list(ids)[:5])}{', ...' if len(ids) > 5 else ''}"
        raise ValueError(
            f"Expected {self.source} to name one of the {len(ids)} classes ({known}), but got "
            f"'{name}' for image {image}{count}. {guess}Correct the name, or write all classes, "
            "one per line in id order, to DATA_ROOT/classes.txt."
        )
