# SPDX-License-Identifier: Apache-2.0
"""CUB-200-2011 data set of birds."""

from collections.abc import Sequence
from pathlib import Path

from rankseg.datasets.indexed import IndexedDataset, Row, read_table
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

    LABELS = "cub"
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
