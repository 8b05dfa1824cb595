# SPDX-License-Identifier: Apache-2.0
"""Any folder of images and masks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rankseg.datasets.base import SegListDataset, check_data_root
from rankseg.datasets.masks import BINARY, LabelRule
from rankseg.datasets.split_files import pair_folders
from rankseg.datasets.splits import Entry
from rankseg.registry import DATASETS

CLASSES_FILE = "classes.txt"
MOST = 100_000  # more classes than that are some other file


def read_classes(path: str | Path) -> tuple[str, ...]:
    """Read class names, one per line in id order; blank lines are skipped.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it names no class, or one twice.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"class names {path} do not exist: write one name per line in id order, or set "
            "classes=('background', ...) in the config; for two-class masks of 0 and 255, "
            "binary=True (make_splits.py: --binary) needs no names"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"class names {path} are no UTF-8 text: save the file as UTF-8, one name per line"
        ) from error
    if "\0" in text:
        raise ValueError(f"class names {path} hold zero bytes and are no text: write them anew")
    names = tuple(line.strip() for line in text.splitlines() if line.strip())
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not names or twice or len(names) >= MOST:
        found = f"{twice[0]!r} twice" if twice else f"{len(names)} of them"
        raise ValueError(
            f"class names {path}: expected different names, one per line, at least one and fewer "
            f"than {MOST}, found {found}"
        )
    return names


@DATASETS.register_module()
class FolderDataset(SegListDataset):
    """Images and masks of one's own.

    Args:
        data_root: Folder that holds everything.
        ann_file: List of ``image mask`` lines; empty pairs the two folders by name.
        images: Folder of images, used without a list.
        masks: Folder of masks, used without a list.
        classes: Names in id order. Default: ``metainfo['classes']``, else the lines of
            ``DATA_ROOT/classes.txt``, else ``background, foreground`` where ``binary``.
        binary: Masks hold 0 and one other value, 255 or 1, which becomes class 1.
        metainfo: See :class:`SegListDataset`.
        label_rule: See :class:`SegListDataset`; not together with ``binary``.
        **kwargs: As in :class:`SegListDataset`.

    Raises:
        FileNotFoundError: If a folder, a list, a file or the class names are missing.
        ValueError: If ``binary`` does not go with the classes or with a label rule.
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
        **kwargs,
    ) -> None:
        root = check_data_root(data_root, type(self).__name__)
        self.folders = (images, masks)
        metainfo = dict(metainfo or {})
        names = classes or metainfo.get("classes")
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
        """Read a list, or pair the folders where there is none."""
        return super()._read(path) if path else pair_folders(self.data_root, *self.folders)

    @property
    def source(self) -> str:
        """Where the samples come from, for messages."""
        return super().source if self.ann_file else f"folder {self.data_root}/{self.folders[0]}"
