# SPDX-License-Identifier: Apache-2.0
"""Data sets for transfer evaluation of features, each with a training and a test part."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rankseg.datasets.base import by_short_name
from rankseg.datasets.image_level import ImageLevelDataset
from rankseg.registry import DATASETS

TEST_FOLDERS = ("test", "val")


class TransferSet(NamedTuple):
    """Training and test part of a transfer data set, and its name in the table."""

    name: str
    train: ImageLevelDataset
    test: ImageLevelDataset


def transfer_sets(
    specs: Sequence[str], pipeline: Sequence[Mapping], size: int | None = None
) -> list[TransferSet]:
    """Build the data sets that are given as ``KIND=FOLDER``, such as ``"cifar100=data/cifar100"``.

    ``cifar10``, ``cifar100`` and ``svhn`` have predefined parts. A ``folder`` has ``train/CLASS``
    and ``test/CLASS`` or ``val/CLASS``, and a ``list`` has ``train.txt`` and ``test.txt``. The name
    of these two is that of the folder. A size in pixels replaces the resizing in the pipeline.
    """
    steps = [dict(step) for step in pipeline]
    if size is not None:
        steps = [step for step in steps if step["type"] != "ResizeCenter"]
        steps.insert(1, dict(type="ResizeCenter", size=size))
    found: dict[str, TransferSet] = {}
    known = {name: kind for name, kind in by_short_name().items() if kind.image_level}
    for spec in specs:
        kind, _, root = spec.partition("=")
        if kind not in known or not root:
            raise ValueError(
                f"Expected --transfer to be KIND=FOLDER with a kind of {', '.join(sorted(known))}, "
                f"such as cifar100=data/cifar100, but got {spec}."
            )
        cls = known[kind]
        name = Path(root).resolve().name if cls.HAS_FILES else kind
        if name in found:
            raise ValueError(
                f"Expected data sets of --transfer to have different names, but two are named "
                f"{name}. Rename one of the folders."
            )
        common = dict(type=cls.__name__, data_root=root, pipeline=steps, test_mode=True)
        first, second = (dict(common, **part) for part in _parts(cls, root))
        train = DATASETS.build(first)
        if kind == "folder":
            second["classes"] = train.classes
        found[name] = TransferSet(name, train, DATASETS.build(second))
    return list(found.values())


def _parts(cls: type[ImageLevelDataset], root: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the training part and of the test part."""
    if not cls.HAS_FILES:
        return dict(part="train"), dict(part="test")
    if cls.NEEDS_LIST:
        return dict(ann_file="train.txt"), dict(ann_file="test.txt")
    folder = next((name for name in TEST_FOLDERS if (Path(root) / name).is_dir()), TEST_FOLDERS[0])
    return dict(folder="train"), dict(folder=folder)
