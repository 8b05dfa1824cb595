# SPDX-License-Identifier: Apache-2.0
"""Stanford Online Products data set."""

from collections.abc import Sequence
from pathlib import Path

from rankseg.datasets.indexed import IndexedDataset, Row, StandinImage, read_table, write_table
from rankseg.registry import DATASETS


@DATASETS.register_module()
class SOPDataset(IndexedDataset):
    """Stanford Online Products with 59,551 training images of 11,318 products.

    ``test`` has 60,502 images of 11,316 other products. ``data_root`` is the folder
    ``Stanford_Online_Products`` with ``Ebay_train.txt``, ``Ebay_test.txt`` and the folders
    ``bicycle_final`` to ``toaster_final``. Other arguments as in
    :class:`~rankseg.datasets.indexed.IndexedDataset`. A class name consists of category and number:
    ``bicycle_1``.
    """

    TITLE, SHORT_NAME = "Stanford Online Products", "sop"
    INDEX = (("Ebay_train.txt", "Ebay_test.txt"),)
    PUBLISHED = {"train": (59551, 11318), "test": (60502, 11316)}

    @classmethod
    def read_index(cls, root: Path, paths: Sequence[Path]) -> list[Row]:
        """See the base class."""
        rows = []
        for path, part in zip(paths, ("train", "test"), strict=True):
            for _, number, _, image in read_table(path, columns=4, skip=1):
                kind = image.split("/")[0].removesuffix("_final")
                rows.append(Row(image, f"{kind}_{int(number)}", part))
        return rows

    @classmethod
    def write_index(cls, root: Path, images: Sequence[StandinImage]) -> list[str]:
        """See the base class."""
        paths = [f"lamp_final/{one.label}_{one.number}.JPG" for one in images]
        for part in ("train", "test"):
            rows: list[tuple] = [("image_id", "class_id", "super_class_id", "path")]
            pairs = enumerate(zip(images, paths, strict=True), start=1)
            rows += [(i, one.label, 8, path) for i, (one, path) in pairs if one.part == part]
            write_table(root / f"Ebay_{part}.txt", rows)
        return paths
