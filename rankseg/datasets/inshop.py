# SPDX-License-Identifier: Apache-2.0
"""DeepFashion In-Shop Clothes Retrieval data set."""

from collections.abc import Sequence
from pathlib import Path

from rankseg.datasets.indexed import IndexedDataset, Row, read_table
from rankseg.registry import DATASETS


@DATASETS.register_module()
class InShopDataset(IndexedDataset):
    """In-Shop with 25,882 training images of 3,997 items, 14,218 queries and a gallery of 12,612.

    Queries and gallery share 3,985 items, none of which is in ``train``. ``part="test"`` contains
    both, and its samples have a ``role``, ``"query"`` or ``"gallery"``. ``part="query"`` and
    ``part="gallery"`` contain one of them. ``data_root`` is a folder with
    ``list_eval_partition.txt``, there or in ``Eval``, and ``img``, there or in ``Img``. Other
    arguments as in :class:`~rankseg.datasets.indexed.IndexedDataset`.
    """

    LABELS = "inshop"
    PARTS = {
        "train": ("train",),
        "test": ("query", "gallery"),
        "query": ("query",),
        "gallery": ("gallery",),
    }
    PUBLISHED = {
        "train": (25882, 3997),
        "test": (14218 + 12612, 3985),
        "query": (14218, 3985),
        "gallery": (12612, 3985),
    }

    @classmethod
    def read_index(cls, root: Path, paths: Sequence[Path]) -> list[Row]:
        """See the base class."""
        inside = "Img/" if (root / "Img/img").is_dir() else ""
        rows = read_table(paths[0], columns=3, skip=2)
        return [Row(f"{inside}{image}", label, part) for image, label, part in rows]
