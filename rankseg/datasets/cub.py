# SPDX-License-Identifier: Apache-2.0
"""CUB-200-2011 data set of birds."""

from collections.abc import Sequence
from pathlib import Path

from rankseg.datasets.indexed import IndexedDataset, Row, StandinImage, read_table, write_table
from rankseg.registry import DATASETS

TRAIN = 100  # classes


@DATASETS.register_module()
class CUBDataset(IndexedDataset):
    """CUB-200-2011 with the metric-learning split: ``train`` and ``test`` have different classes.

    ``train`` has 5,864 images of the first 100 classes and ``test`` 5,924 images of the other 100.
    ``data_root`` is the folder ``CUB_200_2011`` with ``images.txt``, ``image_class_labels.txt``,
    ``classes.txt`` and ``images``. Other arguments as in
    :class:`~rankseg.datasets.indexed.IndexedDataset`.
    """

    TITLE, SHORT_NAME = "CUB-200-2011", "cub"
    INDEX = (("images.txt", "image_class_labels.txt", "classes.txt"),)
    PUBLISHED = {"train": (5864, 100), "test": (5924, 100)}

    @classmethod
    def read_index(cls, root: Path, paths: Sequence[Path]) -> list[Row]:
        """See the base class."""
        images, labels, classes = (read_table(path, columns=2) for path in paths)
        name_of, label_of = dict(classes), dict(labels)
        return [
            Row(
                f"images/{image}",
                name_of[label_of[number]],
                "train" if int(label_of[number]) <= TRAIN else "test",
            )
            for number, image in images
        ]

    @classmethod
    def write_index(cls, root: Path, images: Sequence[StandinImage]) -> list[str]:
        """See the base class."""
        names = {one.label: f"{one.label:03}.Bird_{one.label}" for one in images}
        paths = [f"{names[one.label]}/{one.number}.jpg" for one in images]
        write_table(root / "images.txt", enumerate(paths, start=1))
        labels = enumerate((one.label for one in images), start=1)
        write_table(root / "image_class_labels.txt", labels)
        write_table(root / "classes.txt", sorted(names.items()))
        return [f"images/{path}" for path in paths]
