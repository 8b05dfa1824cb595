# SPDX-License-Identifier: Apache-2.0
"""Data set of image files and classes named by a list."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rankseg.datasets.base import check_data_root, hint, recognize
from rankseg.datasets.class_names import CLASSES_FILE, read_classes
from rankseg.datasets.image_level import ImageLevelDataset
from rankseg.datasets.splits.splits import Entry
from rankseg.registry import DATASETS


def find_classes(root: Path, folder: Path) -> tuple[str, ...]:
    """Return class names: the lines of ``classes.txt``, or else the sorted sub-folders.

    Hidden folders and ``splits`` are ignored.

    Raises:
        FileNotFoundError: If neither exists.
        ValueError: If the file names a class twice, or is an index file of a published set.
    """
    if (root / CLASSES_FILE).is_file():
        known = recognize(root)
        if known is not None and any(CLASSES_FILE in names for names in known.INDEX):
            raise ValueError(
                f"Expected class names in {CLASSES_FILE}, but got an index. {hint(root)}"
            )
        return read_classes(root / CLASSES_FILE)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"Expected folder {folder} to hold one sub-folder of images for every class, but it "
            "does not exist. data/README.md, section 'Folders by class', shows the layout. "
            f"{hint(root)}".rstrip()
        )
    with os.scandir(folder) as listing:
        names = [e.name for e in listing if e.is_dir() and not e.name.startswith(".")]
    names = [name for name in names if name != "splits"]
    if not names:
        raise FileNotFoundError(
            f"Expected folder {folder} to have one sub-folder for every class, but got none. Make "
            f"them, or write the class names, one per line in id order, to {root / CLASSES_FILE}."
        )
    return tuple(sorted(names))


def folder_class(name: str, classes: Iterable[str]) -> str | None:
    """Return the nearest parent folder of an image that is named like a class.

    >>> folder_class("train/cat/indoors/1.jpg", {"cat", "dog"})
    'cat'
    """
    return next((part for part in reversed(name.split("/")[:-1]) if part in classes), None)


@DATASETS.register_module()
class ClassListDataset(ImageLevelDataset):
    """Data set of image files named by a list, one ``image class`` pair per line.

    If a line has no class, the class is the nearest parent folder of the image that is named like
    one. Common ImageNet lists with lines such as ``n01440764/n01440764_10074.JPEG`` therefore work
    unchanged.

    Args:
        data_root: Folder that holds all files.
        ann_file: Path of the list, relative to the data root unless absolute.
        prefix: Folder below the data root that the names in the list are relative to.
        classes: Names in id order. Default: ``metainfo['classes']``, else the lines of
            ``DATA_ROOT/classes.txt``, else the sub-folders of ``DATA_ROOT/prefix``, sorted.
        metainfo: See :class:`ListDataset`.
        **kwargs: As in :class:`ImageLevelDataset`.

    Raises:
        FileNotFoundError: If the data root, the list, an image or the class names are missing.
        ValueError: If a class is unknown or an image has no class.
    """

    SECTION = "Lists of images and classes"
    SHORT_NAME = "list"
    FOLDER_OPTION = "prefix"
    NEEDS_LIST = True

    def __init__(
        self,
        data_root: str | None = None,
        ann_file: str = "",
        prefix: str = "",
        classes: Sequence[str] | None = None,
        metainfo: Mapping | None = None,
        **kwargs,
    ) -> None:
        root = check_data_root(data_root, type(self))
        self.prefix = prefix
        metainfo = dict(metainfo or {})
        metainfo["classes"] = tuple(
            classes or metainfo.get("classes") or find_classes(root, root / prefix)
        )
        super().__init__(data_root=data_root, ann_file=ann_file, metainfo=metainfo, **kwargs)

    def locate(self, entries: Sequence[Entry]) -> tuple[list[dict], list[str | None]]:
        """Return the paths of the images and the classes given by their folders."""
        known = set(self.fine_classes)
        start = os.path.join(self.data_root, self.prefix)
        samples = [{"img_path": os.path.join(start, name)} for name, _ in entries]
        self._check_exist([sample["img_path"] for sample in samples], "image")
        return samples, [folder_class(name, known) for name, _ in entries]
