# SPDX-License-Identifier: Apache-2.0
"""COCO 2017 data set with the masks of its 80 objects."""

from mmseg.datasets import COCOStuffDataset

from rankseg.datasets.base import make_palette
from rankseg.datasets.segmentation import SegListDataset
from rankseg.datasets.splits.splits import PublishedSplits
from rankseg.registry import DATASETS

OBJECTS = 80  # the first classes of COCO-Stuff; the others are materials and regions
CLASSES = ("background", *COCOStuffDataset.METAINFO["classes"][:OBJECTS])

SIZES = {"1_512": 232, "1_256": 463, "1_128": 925, "1_64": 1849, "1_32": 3697}


@DATASETS.register_module()
class COCODataset(SegListDataset):
    """COCO 2017 with 81 classes as in UniMatch; arguments as in :class:`SegListDataset`.

    The classes include the background. ``data_root`` is the folder with ``train2017``,
    ``val2017`` and ``masks``, which holds one mask with values 0 to 80 (and 255) for every image of
    both.
    """

    METAINFO = {"classes": CLASSES, "palette": make_palette(len(CLASSES))}
    TITLE = SECTION = "COCO 2017"
    SHORT_NAME = "coco"
    SPLITS = PublishedSplits(118287, SIZES, "UniMatch-V2/splits/coco")
    IMAGE_FOLDER = "train2017"
    STANDIN_FILES = ("{part}2017/{i:012}.jpg", "masks/{part}_{i:012}.png")

    def missing_cure(self, path: str, what: str) -> str:
        """Say where the masks are from."""
        if what == "mask":
            return (
                "These masks are not part of COCO. Download those that the README of UniMatch "
                f"links to, and unpack them to {self.data_root}/masks."
            )
        return super().missing_cure(path, what)
