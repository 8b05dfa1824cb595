# SPDX-License-Identifier: Apache-2.0
"""DeepFashion In-Shop Clothes Retrieval data set."""

from collections.abc import Sequence
from pathlib import Path

from rankseg.datasets.indexed import IndexedDataset, Row, StandinImage, read_table, write_table
from rankseg.registry import DATASETS

PARTITION = "list_eval_partition.txt"


@DATASETS.register_module()
class InShopDataset(IndexedDataset):
    """In-Shop with 25,882 training images of 3,997 items, 14,218 queries and a gallery of 12,612.

    Queries and gallery share 3,985 items, none of which is in ``train``. ``part="test"`` contains
    both, and its samples have a ``role``, ``"query"`` or ``"gallery"``. ``part="query"`` and
    ``part="gallery"`` contain one of them. ``data_root`` is a folder with
    ``list_eval_partition.txt``, there or in ``Eval``, and ``img``, there or in ``Img``. Other
    arguments as in :class:`~rankseg.datasets.indexed.IndexedDataset`.
    """

    TITLE, SHORT_NAME = "In-Shop", "inshop"
    INDEX = ((PARTITION,), (f"Eval/{PARTITION}",), (f"Anno/{PARTITION}",))
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

    @classmethod
    def write_index(cls, root: Path, images: Sequence[StandinImage]) -> list[str]:
        """See the base class."""
        paths = [f"img/WOMEN/Tees/id_{one.label:08}/{one.number}_front.jpg" for one in images]
        rows: list[tuple] = [(len(images),), ("image_name", "item_id", "evaluation_status")]
        for one, path in zip(images, paths, strict=True):
            role = "gallery" if one.number else "query"
            rows.append((path, f"id_{one.label:08}", "train" if one.part == "train" else role))
        write_table(root / PARTITION, rows)
        return paths
