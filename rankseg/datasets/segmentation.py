# SPDX-License-Identifier: Apache-2.0
"""Data sets of images and masks."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config

from rankseg.datasets.base import ListDataset, check_data_root
from rankseg.datasets.checks import check_masks
from rankseg.datasets.class_names import CLASSES_FILE, read_class_file, read_classes
from rankseg.datasets.file_checks import FileValidator
from rankseg.datasets.splits.split_files import pair_folders
from rankseg.datasets.splits.splits import Entry
from rankseg.datasets.standin.masks import make_mask_standin
from rankseg.imageio.masks import BINARY, LabelRule
from rankseg.registry import DATASETS


@DATASETS.register_module()
class SegListDataset(ListDataset):
    """Data set of images and masks named by a list, one ``image mask`` pair per line.

    Args:
        *args: As in :class:`ListDataset`.
        label_rule: Rule that maps mask values to classes, see
            :func:`rankseg.imageio.masks.read_mask`.
        with_masks: Require every line to name an existing mask. If ``False``, masks are optional
            and never opened, even if the list names them.
        **kwargs: As in :class:`ListDataset`.

    Raises:
        FileNotFoundError: If the data root, the list, an image or a mask is missing.
        ValueError: If the list is empty, a mask is not named, or the classes are unknown.
    """

    LABEL_OPTION = "with_masks"
    LINE = "image mask"
    STANDIN_FILES = ("images/{part}/{i}.png", "masks/{part}/{i}.png")
    """Image and mask number ``i`` of a part of the generated data that replaces a missing set."""

    def __init__(
        self, *args, label_rule: LabelRule = None, with_masks: bool = True, **kwargs
    ) -> None:
        self.label_rule = label_rule
        self.with_masks = with_masks
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Turn the list into samples and check that every file it names exists."""
        entries = self.load_entries()
        if self.with_masks:
            self._check_named(entries)
        else:
            entries = [(image, None) for image, _ in entries]
        samples = [
            {
                "img_path": os.path.join(self.data_root, image),
                "seg_map_path": mask and os.path.join(self.data_root, mask),
                "label_rule": self.label_rule,
            }
            for image, mask in entries
        ]
        self._check_exist([sample["img_path"] for sample in samples], "image")
        self._check_exist([s["seg_map_path"] for s in samples if s["seg_map_path"]], "mask")
        return samples

    def get_data_info(self, idx: int) -> dict:
        """Return paths and label rule of a sample, and the class names used to check its mask."""
        return {**super().get_data_info(idx), "classes": self.classes}

    def _check_named(self, entries: Sequence[Entry]) -> None:
        bare = [image for image, mask in entries if mask is None]
        if bare:
            raise ValueError(
                f"Expected {self.source} to name a mask for every image, but got none for "
                f"{bare[0]} ({len(bare)} of {len(entries)} images have none). Write 'image mask' "
                "lines, or move these images to the unlabeled list."
            )

    @classmethod
    def make_standin(cls, cfg: Config) -> Path:
        """See the base class."""
        return make_mask_standin(cfg, cls.STANDIN_FILES)

    def check_samples(
        self, limit: int | None = None, validator: FileValidator | None = None
    ) -> list[str]:
        """See the base class."""
        return check_masks(self, limit, validator)


@DATASETS.register_module()
class FolderDataset(SegListDataset):
    """Data set of your own images and masks.

    Args:
        data_root: Folder that holds all files.
        ann_file: List of ``image mask`` lines. If empty, the two folders are paired by file name.
        images: Folder of images, used if there is no list.
        masks: Folder of masks, used if there is no list.
        classes: Names in id order. Default: ``metainfo['classes']``, else those of
            ``classes_file``, else the lines of ``DATA_ROOT/classes.txt``, else ``background,
            foreground`` if ``binary``.
        classes_file: File of names and colors, relative to the data root, see
            :func:`~rankseg.datasets.class_names.read_class_file`.
        binary: Masks hold 0 and one other value, 255 or 1, which becomes class 1.
        metainfo: See :class:`SegListDataset`.
        label_rule: See :class:`SegListDataset`; cannot be combined with ``binary``.
        **kwargs: As in :class:`SegListDataset`.

    Raises:
        FileNotFoundError: If a folder, a list, a file or the class names are missing.
        ValueError: If a class name is invalid, or ``binary`` conflicts with the classes or a label
            rule.
    """

    SECTION = "Images of your own"

    def __init__(
        self,
        data_root: str | None = None,
        ann_file: str = "",
        images: str = "images",
        masks: str = "masks",
        classes: Sequence[str] | None = None,
        binary: bool = False,
        metainfo: Mapping | None = None,
        label_rule: LabelRule = None,
        classes_file: str | None = None,
        **kwargs,
    ) -> None:
        root = check_data_root(data_root, type(self))
        self.folders = (images, masks)
        metainfo = dict(metainfo or {})
        names = classes or metainfo.get("classes")
        if not names and classes_file:
            names, palette = read_class_file(root / classes_file)
            metainfo.setdefault("palette", palette)
        if not names and binary and not (root / CLASSES_FILE).is_file():
            names = ("background", "foreground")
        metainfo["classes"] = tuple(names or read_classes(root / CLASSES_FILE))
        if binary and len(metainfo["classes"]) != 2:
            raise ValueError(
                "Expected binary=True to come with two classes, but got "
                f"{len(metainfo['classes'])}: {metainfo['classes']}. Name two, background first."
            )
        if binary and label_rule is not None:
            raise ValueError(
                f"Expected binary=True or a label_rule, but got both ({label_rule}). Set one of "
                "them."
            )
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            metainfo=metainfo,
            label_rule=BINARY if binary else label_rule,
            **kwargs,
        )

    def _read(self, path: str) -> list[Entry]:
        """Read the list, or pair the folders if there is no list."""
        return super()._read(path) if path else pair_folders(self.data_root, *self.folders)

    @property
    def source(self) -> str:
        """Source of the samples, for messages."""
        return super().source if self.ann_file else f"folder {self.data_root}/{self.folders[0]}"
