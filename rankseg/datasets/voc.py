# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC 2012 data set with the SBD masks."""

from pathlib import Path

from mmseg.datasets import PascalVOCDataset

from rankseg.datasets.base import make_palette
from rankseg.datasets.segmentation import SegListDataset
from rankseg.datasets.splits.splits import PublishedSplits
from rankseg.registry import DATASETS

CLASSES = PascalVOCDataset.METAINFO["classes"]

SIZES = {"92": 92, "183": 183, "366": 366, "732": 732, "1464": 1464}
SIZES |= {"1_16": 662, "1_8": 1323, "1_4": 2646}
SIZES |= {"u2pl_1_16": 662, "u2pl_1_8": 1323, "u2pl_1_4": 2646}

AUG_FOLDER = "SegmentationClassAug"


@DATASETS.register_module()
class VOCDataset(SegListDataset):
    """PASCAL VOC 2012 with 21 classes; arguments as in :class:`SegListDataset`.

    The classes include the background. ``data_root`` is the folder ``VOC2012`` with ``JPEGImages``
    and ``SegmentationClass``. Masks may be palette files (the original ones), gray files (the SBD
    ones), or a mix of both.
    """

    METAINFO = {"classes": CLASSES, "palette": make_palette(len(CLASSES))}
    TITLE = SECTION = "PASCAL VOC 2012"
    SHORT_NAME = "voc"
    SPLITS = PublishedSplits(10582, SIZES, "UniMatch/splits/pascal")
    IMAGE_FOLDER = "JPEGImages"
    STANDIN_FILES = ("JPEGImages/{part}_{i}.jpg", "SegmentationClass/{part}_{i}.png")
    FINE_LISTS = ("ImageSets/Segmentation/train.txt", "splits/1464/labeled.txt")

    def missing_cure(self, path: str, what: str) -> str:
        """Point to the folder of SBD masks if it contains the file."""
        if what == "mask" and (Path(self.data_root) / AUG_FOLDER / Path(path).name).is_file():
            return (
                f"Folder {AUG_FOLDER} has it. Import the lists again with `python "
                f"tools/make_splits.py import LISTS --data-root {self.data_root} --mask-folder "
                f"{AUG_FOLDER} --force`."
            )
        return super().missing_cure(path, what)
