# SPDX-License-Identifier: Apache-2.0
"""Data set of any folder of images and masks."""

from collections.abc import Mapping, Sequence

from rankseg.datasets.base import SegListDataset, check_data_root
from rankseg.datasets.class_names import CLASSES_FILE, read_class_file, read_classes
from rankseg.datasets.splits.split_files import pair_folders
from rankseg.datasets.splits.splits import Entry
from rankseg.imageio.masks import BINARY, LabelRule
from rankseg.registry import DATASETS


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
        root = check_data_root(data_root, type(self).__name__)
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
                f"binary=True with {len(metainfo['classes'])} classes {metainfo['classes']}: "
                "expected two, background first"
            )
        if binary and label_rule is not None:
            raise ValueError("binary=True and label_rule are both set: set one of the two")
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
