# SPDX-License-Identifier: Apache-2.0
"""Data set of image files in one folder per class."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config

from rankseg.datasets.base import check_data_root
from rankseg.datasets.class_list import ClassListDataset, find_classes
from rankseg.datasets.splits.splits import Entry
from rankseg.datasets.standin.classes import StandinImage, make_retrieval_standin
from rankseg.imageio.listing import ENDINGS, walk_images
from rankseg.registry import DATASETS


def walk_classes(root: str | Path, folder: str, classes: Sequence[str]) -> list[Entry]:
    """List every image below ``ROOT/folder/CLASS``, including sub-folders, with its class.

    Returns:
        Entries relative to ``root``, grouped by class and sorted by name.
    """
    entries = []
    for name in classes:
        images = walk_images(Path(root, folder, name))
        entries += [
            (image, name) for image in sorted(p.relative_to(root).as_posix() for p in images)
        ]
    return entries


def _place_in_class_folders(root: Path, images: Sequence[StandinImage]) -> list[str]:
    """Return the files of generated images."""
    return [f"{one.folder}/class_{one.label:04}/{one.part}_{one.number}.jpg" for one in images]


@DATASETS.register_module()
class ClassFolderDataset(ClassListDataset):
    """Data set of image files in one folder per class: ``DATA_ROOT/train/cat/0001.jpg``.

    Args:
        data_root: Folder that holds all files.
        ann_file: List of some of the images, with names relative to the data root; empty uses all.
        folder: Folder whose sub-folders are the classes.
        classes: Names in id order. Default: ``metainfo['classes']``, else the lines of
            ``DATA_ROOT/classes.txt``, else the sub-folders, sorted.
        metainfo: See :class:`ListDataset`.
        **kwargs: As in :class:`ImageLevelDataset`.

    Raises:
        FileNotFoundError: If the data root, the folder, a list or an image is missing.
        ValueError: If a class is unknown or an image has no class.
    """

    SECTION = "Folders by class"
    SHORT_NAME = "folder"
    FOLDER_OPTION, FOLDER = "folder", "train"
    NEEDS_LIST = False

    def __init__(
        self,
        data_root: str | None = None,
        ann_file: str = "",
        folder: str = "train",
        classes: Sequence[str] | None = None,
        metainfo: Mapping | None = None,
        **kwargs,
    ) -> None:
        root = check_data_root(data_root, type(self))
        self.folder = folder
        names = classes or (metainfo or {}).get("classes") or find_classes(root, root / folder)
        super().__init__(data_root, ann_file, classes=names, metainfo=metainfo, **kwargs)

    @classmethod
    def make_standin(cls, cfg: Config) -> Path:
        """See the base class; an embedding network gets images for retrieval."""
        if "num_classes" in cfg.model.student.decode_head:
            return super().make_standin(cfg)
        same = cfg.train_dataloader.dataset.get("test_classes", "same") == "same"
        return make_retrieval_standin(cfg, _place_in_class_folders, same)

    @classmethod
    def standin_entries(cls, node: dict, part: str, classes: Sequence[str]) -> list[Entry]:
        """See the base class."""
        folder = node.get("folder", cls.FOLDER)
        entries = super().standin_entries(node, part, classes)
        return [(f"{folder}/{image}", name) for image, name in entries]

    def whole(self) -> list[Entry]:
        """List every image of the folder."""
        entries = walk_classes(self.data_root, self.folder, self.fine_classes)
        if not entries:
            raise FileNotFoundError(
                f"Expected {self.source} to have images in its sub-folders "
                f"{', '.join(self.fine_classes[:5])}, ..., but got none. Supported suffixes are "
                f"{', '.join(ENDINGS)}."
            )
        return entries

    @property
    def source(self) -> str:
        """Source of the samples, for messages."""
        return super().source if self.ann_file else f"folder {self.data_root}/{self.folder}"
