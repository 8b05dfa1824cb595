# SPDX-License-Identifier: Apache-2.0
"""Generated image-level data sets in the layout that a config expects."""

import os
import pickle
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from scipy.io import savemat

from rankseg.datasets.cifar import CIFAR100Dataset
from rankseg.datasets.class_folder import ClassFolderDataset
from rankseg.datasets.image_level import ArrayDataset, ImageLevelDataset
from rankseg.datasets.splits.splits import LABELED_FILE, UNLABELED_FILE, Entry, format_list
from rankseg.datasets.standin.retrieval import is_for_retrieval, make_retrieval_standin
from rankseg.datasets.svhn import SVHNDataset
from rankseg.registry import DATASETS

UNLABELED, VAL = 6, 2  # images in addition to one labeled image per class
HEIGHT, WIDTH = 96, 112  # pixels of an image file if the views have no size

_KEPT: list[tempfile.TemporaryDirectory] = []  # deleted when the process ends


def has_classes(cfg: Config) -> bool:
    """Return whether the labels of a config are classes rather than masks."""
    kind = _kind(cfg.train_dataloader.dataset.dataset)
    return kind is not None and issubclass(kind, ImageLevelDataset)


def make_class_standin(cfg: Config) -> Path:
    """Write a tiny data set for a config into a temporary folder and point the config to it.

    It has one labeled image of every class, six unlabeled images and a few for validation, each in
    the color of its class. Lists have the names given by the config. The folder is deleted when the
    process ends. For retrieval data sets see
    :func:`rankseg.datasets.standin.retrieval.make_retrieval_standin`.

    Args:
        cfg: Config with ``train_dataloader`` over a ``SemiDataset`` and a ``val_dataloader``. Its
            data roots and ``split_root`` are changed in place.

    Returns:
        The data root.
    """
    if is_for_retrieval(cfg):
        return make_retrieval_standin(cfg)
    semi = cfg.train_dataloader.dataset
    tests = [cfg[name].dataset for name in ("val_dataloader", "test_dataloader") if cfg.get(name)]
    classes = _class_names(semi.dataset, cfg.model.student.decode_head.num_classes)
    if issubclass(_kind(semi.dataset), ArrayDataset):
        root = _write_arrays(_kind(semi.dataset), classes)
    else:
        folders = {_folder(node) for node in (semi.dataset, *tests)}
        root = _write_files(classes, tuple(sorted(folders)), _shape(semi))
    for node in (semi.dataset, *tests):
        node.data_root = str(root)
        if isinstance(node.get("coarse"), str):  # put every class into its own group
            (root / node.coarse).write_text("".join(f"{name}\t{name}\n" for name in classes))
    semi.pop("split_root", None)
    in_split = Path("splits", str(semi.get("split")))
    files = {"labeled": in_split / LABELED_FILE, "unlabeled": in_split / UNLABELED_FILE}
    named = {
        part: semi.get(part, file) for part, file in files.items() if part != semi.get("empty")
    }
    lists = {name: (semi.dataset, part) for part, name in named.items() if name}
    lists |= {node.ann_file: (node, "val") for node in tests if node.get("ann_file")}
    for name, (node, part) in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(format_list(_entries(node, part, classes)))
    return root


def _kind(node: dict) -> type | None:
    return DATASETS.get(str(node.type))


def _class_names(node: dict, number: int) -> tuple[str, ...]:
    """Return the names of the config or the published data set, or else numbered names."""
    coarse = node.get("coarse")
    given = node.get("classes") or node.get("metainfo", {}).get("classes")
    given = given or (tuple(coarse) if isinstance(coarse, Mapping) else None)
    numbered = [f"class_{k:04}" for k in range(number)]
    return tuple(given or _kind(node).METAINFO.get("classes") or numbered)


def _numbered(part: str, classes: Sequence[str]) -> list[tuple[int, str]]:
    """Return number and class of every image of a part."""
    count = {"labeled": len(classes), "unlabeled": UNLABELED, "val": VAL, "test": len(classes)}
    return [(i, classes[i % len(classes)]) for i in range(count[part])]


def _entries(node: dict, part: str, classes: Sequence[str]) -> list[Entry]:
    """Return the lines of a list of a data set."""
    numbered = _numbered(part, classes)
    if issubclass(_kind(node), ArrayDataset):
        start = {"labeled": 0, "unlabeled": len(classes), "val": len(classes) + UNLABELED}[part]
        return [(f"train/{start + i:05}", name) for i, name in numbered]
    below = _folder(node) if issubclass(_kind(node), ClassFolderDataset) else ""
    return [(os.path.join(below, name, f"{part}_{i}.jpg"), name) for i, name in numbered]


def _folder(node: dict) -> str:
    """Return the folder that contains the class folders of a file data set."""
    if issubclass(_kind(node), ClassFolderDataset):
        return node.get("folder", "train")
    return node.get("prefix", "")


def _shape(semi: dict) -> tuple[int, int]:
    """Return height and width of image files, near those of the views if a pipeline sets them."""
    steps = [*semi.get("labeled_pipeline", ()), *semi.get("unlabeled_pipeline", ())]
    size = next((step["size"] for step in steps if step.get("size")), None)
    return (size, size + 16) if size else (HEIGHT, WIDTH)


def _paint(label: int, shape: tuple[int, int]) -> np.ndarray:
    """Paint a noisy image in the color of its class: ``(H, W, 3)`` uint8."""
    rng = np.random.default_rng(label)
    noise = rng.integers(-30, 31, (*shape, 3))
    return np.clip(rng.integers(0, 256, 3) + noise, 0, 255).astype(np.uint8)


def _new_root() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="rankseg-standin-")
    _KEPT.append(folder)
    return Path(folder.name)


@cache
def _write_files(
    classes: tuple[str, ...], folders: tuple[str, ...], shape: tuple[int, int]
) -> Path:
    """Write one folder per class into each folder, once per process."""
    root = _new_root()
    content = [cv2.imencode(".jpg", _paint(k, shape))[1] for k in range(len(classes))]
    for folder in folders:
        for name in classes:
            (root / folder / name).mkdir(parents=True)
        for part in ("labeled", "unlabeled", "val"):
            for i, name in _numbered(part, classes):
                path = root / folder / name / f"{part}_{i}.jpg"
                path.write_bytes(content[i % len(classes)])
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
    return root


@cache
def _write_arrays(kind: type[ArrayDataset], classes: tuple[str, ...]) -> Path:
    """Write the files of an array data set, once per process."""
    root = _new_root()
    for part, files in kind.PARTS.items():
        kinds = ("test",) if part == "test" else ("labeled", "unlabeled", "val")
        labels = [i % len(classes) for one in kinds for i, _ in _numbered(one, classes)]
        for name, some in zip(files, np.array_split(labels, len(files)), strict=True):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            _write_array(root / name, kind, some)
    return root


def _write_array(path: Path, kind: type[ArrayDataset], labels: np.ndarray) -> None:
    """Write one file in the format of its data set."""
    images = np.stack([_paint(int(k), (32, 32)) for k in labels])
    if issubclass(kind, SVHNDataset):
        number = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
        savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": number})
        return
    key = b"fine_labels" if issubclass(kind, CIFAR100Dataset) else b"labels"
    pixels = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    path.write_bytes(pickle.dumps({b"data": pixels, key: labels.tolist()}, protocol=2))
