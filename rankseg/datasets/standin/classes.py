# SPDX-License-Identifier: Apache-2.0
"""Generated images with classes, for classification and for retrieval."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from mmengine.config import Config

from rankseg.datasets.base import dataset_class
from rankseg.datasets.splits.splits import LABELED_FILE, UNLABELED_FILE, Entry, format_list
from rankseg.datasets.standin import evaluation_sets, temporary_root

UNLABELED, VAL = 6, 2  # images in addition to one labeled image per class
HEIGHT, WIDTH = 96, 112  # pixels of an image file if the views have no size
TRAIN, TEST = (16, 2), (4, 3)  # for retrieval: number of classes, images per class
FIRST_TEST = 101  # number of a test class, also in CUB and Cars
RETRIEVAL_SIZE = (64, 72)  # height and width in pixels


def paint(label: int, number: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Paint a noisy image in the color of its class: ``(H, W, 3)`` uint8."""
    color = np.random.default_rng(label).integers(0, 256, 3)
    noise = np.random.default_rng((label, number)).integers(-30, 31, (*size, 3))
    return np.clip(color + noise, 0, 255).astype(np.uint8)


def make_class_standin(cfg: Config) -> Path:
    """Write a tiny data set with classes for a config and point the config to it.

    It has one labeled image of every class, six unlabeled images and a few for validation, each in
    the color of its class. Lists have the names given by the config.

    Args:
        cfg: Config with ``train_dataloader`` over a ``SemiDataset`` and a ``val_dataloader``. Its
            data roots and ``split_root`` are changed in place.

    Returns:
        The data root.
    """
    semi, tests = cfg.train_dataloader.dataset, evaluation_sets(cfg)
    kind = dataset_class(semi.dataset.type)
    classes = _class_names(semi.dataset, cfg.model.student.decode_head.num_classes)
    root = kind.write_standin(classes, [semi.dataset, *tests], _image_size(semi))
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
        entries = dataset_class(node.type).standin_entries(node, part, classes)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(format_list(entries))
    return root


def _class_names(node: dict, number: int) -> tuple[str, ...]:
    """Return the names of the config or the published data set, or else numbered names."""
    coarse = node.get("coarse")
    given = node.get("classes") or node.get("metainfo", {}).get("classes")
    given = given or (tuple(coarse) if isinstance(coarse, Mapping) else None)
    numbered = [f"class_{k:04}" for k in range(number)]
    return tuple(given or dataset_class(node.type).METAINFO.get("classes") or numbered)


def _image_size(semi: dict) -> tuple[int, int]:
    """Return height and width of image files, near those of the views if a pipeline sets them."""
    steps = [*semi.get("labeled_pipeline", ()), *semi.get("unlabeled_pipeline", ())]
    size = next((step["size"] for step in steps if step.get("size")), None)
    return (size, size + 16) if size else (HEIGHT, WIDTH)


def numbered(part: str, classes: Sequence[str]) -> list[tuple[int, str]]:
    """Return number and class of every image of a part."""
    count = {"labeled": len(classes), "unlabeled": UNLABELED, "val": VAL, "test": len(classes)}
    return [(i, classes[i % len(classes)]) for i in range(count[part])]


@cache
def write_class_folders(
    classes: tuple[str, ...], folders: tuple[str, ...], size: tuple[int, int]
) -> Path:
    """Write one folder per class into each folder, once per process; return the data root."""
    root = temporary_root()
    content = [cv2.imencode(".jpg", paint(k, size=size))[1] for k in range(len(classes))]
    for folder in folders:
        for name in classes:
            (root / folder / name).mkdir(parents=True)
        for part in ("labeled", "unlabeled", "val"):
            for i, name in numbered(part, classes):
                path = root / folder / name / f"{part}_{i}.jpg"
                path.write_bytes(content[i % len(classes)])
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
    return root


def array_entries(part: str, classes: Sequence[str]) -> list[Entry]:
    """Return the lines of a list of an array data set."""
    first = {"labeled": 0, "unlabeled": len(classes), "val": len(classes) + UNLABELED}[part]
    return [(f"train/{first + i:05}", name) for i, name in numbered(part, classes)]


class StandinImage(NamedTuple):
    """Image to write: class number (from 1), number in the class, part, and folder of the part."""

    label: int
    number: int
    part: str
    folder: str


Writer = Callable[[Path, Sequence[StandinImage]], list[str]]
"""Function that writes the index of images and returns their files."""


def make_retrieval_standin(cfg: Config, write: Writer, same_classes: bool) -> Path:
    """Write a tiny retrieval data set for a config and point the config to it.

    It has two images of each of 16 training classes and three of each of 4 test classes.

    Args:
        cfg: Config with ``train_dataloader`` over a ``SemiDataset`` without lists and, if it
            validates, a ``val_dataloader``. Its data roots are changed in place.
        write: Function that writes the index. Each function writes its images once per process.
        same_classes: Use training classes as test classes.

    Returns:
        The data root.

    Raises:
        ValueError: If the config names lists.
    """
    semi, tests = cfg.train_dataloader.dataset, evaluation_sets(cfg)
    if semi.get("split") or semi.get("labeled") or semi.get("unlabeled"):
        raise ValueError(
            f"Expected a config without lists to generate stand-in images for a "
            f"{semi.dataset.type}, but got lists. Set --data-root to the images, or set "
            "empty='labeled' and unlabeled='' in train_dataloader.dataset."
        )
    test = tests[0].get("folder", "train") if tests else "test"
    root = _write_retrieval(write, semi.dataset.get("folder", "train"), test, same_classes)
    for node in (semi.dataset, *tests):
        node.data_root = str(root)
    return root


@cache
def _write_retrieval(write: Writer, train: str, test: str, same_classes: bool) -> Path:
    """Write index and images of one data set, once per process."""
    root = temporary_root()
    first = 1 if same_classes else FIRST_TEST
    images = [
        StandinImage(start + k, i, part, folder)
        for start, part, folder, (classes, each) in (
            (1, "train", train, TRAIN),
            (first, "test", test, TEST),
        )
        for k in range(classes)
        for i in range(each)
    ]
    for image, path in zip(images, write(root, images), strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), paint(image.label, image.number, RETRIEVAL_SIZE))
    return root
