# SPDX-License-Identifier: Apache-2.0
"""Generated retrieval data sets with separate training and test classes."""

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from mmengine.config import Config
from scipy.io import savemat

from rankseg.datasets.class_folder import ClassFolderDataset
from rankseg.datasets.indexed import IndexedDataset
from rankseg.registry import DATASETS

TRAIN, TEST = (16, 2), (4, 3)  # number of classes, images per class
FIRST_TEST = 101  # number of a test class, also in CUB and Cars
HEIGHT, WIDTH = 64, 72  # pixels

_KEPT: list[tempfile.TemporaryDirectory] = []  # deleted when the process ends


class Image(NamedTuple):
    """Image to write: class number (from 1), number in the class, and part."""

    label: int
    number: int
    part: str


def is_for_retrieval(cfg: Config) -> bool:
    """Return whether this module can generate the data set of a config."""
    kind = DATASETS.get(str(cfg.train_dataloader.dataset.dataset.type))
    folders = kind is not None and issubclass(kind, ClassFolderDataset)
    without_classes = "num_classes" not in cfg.model.student.decode_head
    return kind is not None and (issubclass(kind, IndexedDataset) or (folders and without_classes))


def make_retrieval_standin(cfg: Config) -> Path:
    """Write a tiny retrieval data set into a temporary folder and point the config to it.

    It has two images of each of 16 training classes and three of each of 4 test classes. The
    classes are disjoint unless the config requires the same ones.

    Args:
        cfg: Config with ``train_dataloader`` over a ``SemiDataset`` without lists and, if it
            validates, a ``val_dataloader``. Its data roots and ``check_counts`` are changed in
            place.

    Returns:
        The data root.

    Raises:
        ValueError: If the config names lists.
    """
    semi = cfg.train_dataloader.dataset
    tests = [cfg[name].dataset for name in ("val_dataloader", "test_dataloader") if cfg.get(name)]
    if semi.get("split") or semi.get("labeled") or semi.get("unlabeled"):
        raise ValueError(
            f"no stand-in images can be made for a {semi.dataset.type} with lists: give the data "
            "(--data-root), or take all images (empty='labeled', unlabeled='')"
        )
    kind, indexed = semi.dataset.type, issubclass(DATASETS.get(semi.dataset.type), IndexedDataset)
    test = tests[0].get("folder", "train") if tests else "test"
    folders = (semi.dataset.get("folder", "train"), test)
    root = _write(kind, folders, not indexed and semi.get("test_classes", "same") == "same")
    for node in (semi.dataset, *tests):
        node.data_root = str(root)
        if indexed:
            node.check_counts = False
    return root


@cache
def _write(kind: str, folders: tuple[str, str], same: bool) -> Path:
    """Write the data set of one type, once per process."""
    folder = tempfile.TemporaryDirectory(prefix="rankseg-standin-")
    _KEPT.append(folder)
    root = Path(folder.name)
    write = WRITERS.get(kind)
    first = 1 if same else FIRST_TEST
    images = [Image(1 + k, i, "train") for k in range(TRAIN[0]) for i in range(TRAIN[1])]
    images += [Image(first + k, i, "test") for k in range(TEST[0]) for i in range(TEST[1])]
    paths = write(root, images) if write else _class_folders(images, folders)
    for image, path in zip(images, paths, strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), _paint(image))
    return root


def _paint(image: Image) -> np.ndarray:
    """Paint a noisy image in the color of its class: ``(H, W, 3)`` uint8."""
    colour = np.random.default_rng(image.label).integers(0, 256, 3)
    noise = np.random.default_rng((image.label, image.number)).integers(-30, 31, (HEIGHT, WIDTH, 3))
    return np.clip(colour + noise, 0, 255).astype(np.uint8)


def _class_folders(images: Sequence[Image], folders: tuple[str, str]) -> list[str]:
    return [
        f"{folders[one.part == 'test']}/class_{one.label:04}/{one.part}_{one.number}.jpg"
        for one in images
    ]


def _cub(root: Path, images: Sequence[Image]) -> list[str]:
    names = {one.label: f"{one.label:03}.Bird_{one.label}" for one in images}
    paths = [f"{names[one.label]}/{one.number}.jpg" for one in images]
    numbered = list(enumerate(paths, start=1))
    _table(root / "images.txt", numbered)
    _table(root / "image_class_labels.txt", [(i, images[i - 1].label) for i, _ in numbered])
    _table(root / "classes.txt", sorted(names.items()))
    return [f"images/{path}" for path in paths]


def _cars(root: Path, images: Sequence[Image]) -> list[str]:
    paths = [f"car_ims/{i:06}.jpg" for i, _ in enumerate(images, start=1)]
    kind = [("relative_im_path", object), ("class", object)]
    rows = [(path, one.label) for path, one in zip(paths, images, strict=True)]
    names = np.array([f"Car C/V {k} 2012" for k in range(1, 197)], dtype=object)
    savemat(
        root / "cars_annos.mat", {"annotations": np.array(rows, dtype=kind), "class_names": names}
    )
    return paths


def _sop(root: Path, images: Sequence[Image]) -> list[str]:
    paths = [f"lamp_final/{one.label}_{one.number}.JPG" for one in images]
    for part in ("train", "test"):
        rows: list[tuple] = [("image_id", "class_id", "super_class_id", "path")]
        pairs = enumerate(zip(images, paths, strict=True), start=1)
        rows += [(i, one.label, 8, path) for i, (one, path) in pairs if one.part == part]
        _table(root / f"Ebay_{part}.txt", rows)
    return paths


def _inshop(root: Path, images: Sequence[Image]) -> list[str]:
    paths = [f"img/WOMEN/Tees/id_{one.label:08}/{one.number}_front.jpg" for one in images]
    rows: list[tuple] = [(len(images),), ("image_name", "item_id", "evaluation_status")]
    for one, path in zip(images, paths, strict=True):
        role = "gallery" if one.number else "query"
        rows.append((path, f"id_{one.label:08}", "train" if one.part == "train" else role))
    _table(root / "list_eval_partition.txt", rows)
    return paths


def _table(path: Path, rows: Sequence[Sequence]) -> None:
    path.write_text("".join(f"{' '.join(map(str, row))}\n" for row in rows))


WRITERS: dict[str, Callable[[Path, Sequence[Image]], list[str]]] = {
    "CUBDataset": _cub,
    "CarsDataset": _cars,
    "SOPDataset": _sop,
    "InShopDataset": _inshop,
}
"""Functions that write the index of a data set and return the files of its images."""
