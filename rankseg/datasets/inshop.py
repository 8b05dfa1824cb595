# SPDX-License-Identifier: Apache-2.0
"""DeepFashion In-Shop Clothes Retrieval."""

from collections.abc import Sequence
from pathlib import Path

from rankseg.datasets.indexed import IndexedDataset, Row, read_table
from rankseg.registry import DATASETS


@DATASETS.register_module()
class InShopDataset(IndexedDataset):
    """In-Shop: 25,882 images of 3,997 items to train on; 14,218 queries, a gallery of 12,612.

    Both have the same 3,985 items, none of which is in ``train``. ``part="test"`` is both, and its
    samples have ``role``, ``"query"`` or ``"gallery"``; ``"query"`` and ``"gallery"`` are either
    alone. ``data_root`` is a folder with ``list_eval_partition.txt``, there or in ``Eval``, and
    ``img``, there or in ``Img``; other arguments as in
    :class:`~rankseg.datasets.indexed.IndexedDataset`.
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
