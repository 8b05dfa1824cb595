# SPDX-License-Identifier: Apache-2.0
"""Cityscapes data set with fine annotations and 19 classes."""

from mmseg.datasets import CityscapesDataset as MMSegCityscapes

from rankseg.datasets.segmentation import SegListDataset
from rankseg.datasets.splits.splits import PublishedSplits
from rankseg.registry import DATASETS

SIZES = {"1_30": 100, "1_16": 186, "1_8": 372, "1_4": 744, "1_2": 1488}


@DATASETS.register_module()
class CityscapesDataset(SegListDataset):
    """Cityscapes with 19 classes; arguments as in :class:`SegListDataset`.

    ``data_root`` is the folder with ``leftImg8bit`` and ``gtFine``. Masks are the
    ``*_gtFine_labelTrainIds.png`` files that the official ``cityscapesscripts`` creates, with
    values 0 to 18 and 255.
    """

    METAINFO = dict(MMSegCityscapes.METAINFO)
    TITLE = SECTION = "Cityscapes"
    SHORT_NAME = "cityscapes"
    SPLITS = PublishedSplits(2975, SIZES, "UniMatch/splits/cityscapes")
    IMAGE_FOLDER = "leftImg8bit"
    STANDIN_FILES = (
        "leftImg8bit/{part}/town/town_{i:06}_000019_leftImg8bit.png",
        "gtFine/{part}/town/town_{i:06}_000019_gtFine_labelTrainIds.png",
    )

    def missing_cure(self, path: str, what: str) -> str:
        """Return the command that creates the masks."""
        if what == "mask" and path.endswith("labelTrainIds.png"):
            return (
                "Make these masks with `pip install cityscapesscripts` and "
                f"`CITYSCAPES_DATASET={self.data_root} csCreateTrainIdLabelImgs`."
            )
        return super().missing_cure(path, what)
