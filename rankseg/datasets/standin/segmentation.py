# SPDX-License-Identifier: Apache-2.0
"""Generated segmentation data in the layout that a config expects, to replace missing data."""

import os
import tempfile
import zlib
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from mmengine.config import Config

from rankseg.datasets.base import missing_files
from rankseg.datasets.checks import image_size
from rankseg.datasets.splits.splits import LABELED_FILE, UNLABELED_FILE, Entry, read_list
from rankseg.datasets.standin.classes import has_classes, make_class_standin
from rankseg.imageio.masks import BINARY

COUNTS = {"labeled": 4, "unlabeled": 6, "val": 2}
HEIGHT, WIDTH = 96, 128
VARIANTS = 8  # number of different images among those that fill gaps
GENERATED = "generated.txt"

# Image and mask of one sample by data set type; all other types are plain folders.
LAYOUTS = {
    "VOCDataset": ("JPEGImages/{part}_{i}.jpg", "SegmentationClass/{part}_{i}.png"),
    "CityscapesDataset": (
        "leftImg8bit/{part}/town/town_{i:06}_000019_leftImg8bit.png",
        "gtFine/{part}/town/town_{i:06}_000019_gtFine_labelTrainIds.png",
    ),
}
FOLDERS = ("images/{part}/{i}.png", "masks/{part}/{i}.png")

_KEPT: list[tempfile.TemporaryDirectory] = []  # deleted when the process ends


def make_standin(cfg: Config) -> Path:
    """Write a tiny data set for a config into a temporary folder and point the config to it.

    Four labeled, six unlabeled and two validation images of 96 x 128 pixels show blobs of the
    config's classes and have an ignored border. Lists have the names given by the config; the sizes
    of published splits are not checked. The folder is deleted when the process ends. For
    image-level classes see :func:`rankseg.datasets.standin.classes.make_class_standin`.

    Args:
        cfg: Config with ``train_dataloader`` over a ``SemiDataset`` and a ``val_dataloader``. Its
            data roots, ``split_root`` and ``check_counts`` are changed in place.

    Returns:
        The data root.
    """
    if has_classes(cfg):
        return make_class_standin(cfg)
    semi = cfg.train_dataloader.dataset
    kind = semi.dataset.type
    binary = bool(semi.dataset.get("binary")) or semi.dataset.get("label_rule") == BINARY
    root = _write_samples(kind, cfg.model.student.decode_head.num_classes, binary)
    lines = {
        part: [" ".join(_names(kind, part, i)) for i in range(count)]
        for part, count in COUNTS.items()
    }
    lines["unlabeled"] = [line.split()[0] for line in lines["unlabeled"]]
    semi.dataset.data_root = str(root)
    semi.dataset.pop("classes_file", None)  # the generated names are in classes.txt
    semi.check_counts = False
    semi.pop("split_root", None)
    for half in ("labeled", "unlabeled"):
        in_split = f"splits/{semi.get('split')}/{half}.txt"
        _write_list(root / semi.get(half, in_split), lines[half])
    _write_list(root / "splits/val.txt", lines["val"])
    for loader in ("val_dataloader", "test_dataloader"):
        if cfg.get(loader):
            cfg[loader].dataset.data_root = str(root)
            cfg[loader].dataset.pop("classes_file", None)
            _write_list(root / cfg[loader].dataset.ann_file, lines["val"])
    return root


def fill_missing(cfg: Config) -> int:
    """Write generated images and masks for the list entries of a config that have no file.

    Use it for a rehearsal before the real images are available. The lists must exist; existing
    files are not changed. An image and its mask have the same size: that of the existing one, or
    else 96 x 128 pixels. Masks are generated only for labeled and validation entries.
    ``DATA_ROOT/generated.txt`` lists the generated files.

    Args:
        cfg: Config with ``train_dataloader`` over a ``SemiDataset`` and a ``val_dataloader``.

    Returns:
        Number of files written.

    Raises:
        FileNotFoundError: If a list does not exist.
        ValueError: If the data set has image-level classes, or a list names a file outside the data
            root, a file without an image suffix, an existing file that is not an image, or no mask
            for an entry that needs one.
    """
    data = cfg.train_dataloader.dataset.dataset
    root = Path(data.data_root)
    if has_classes(cfg):
        raise ValueError(
            f"{data.type} has images with classes, and missing files are made for lists of images "
            "and masks alone: rehearse with tools/train.py CONFIG --tiny"
        )
    binary = bool(data.get("binary")) or data.get("label_rule") == BINARY
    classes = cfg.model.student.decode_head.num_classes
    wanted = _listed(cfg, root)
    files = {name: str(root / name) for pair in wanted for name in pair if name}
    gone = set(missing_files(list(files.values())))
    missing = {name for name, path in files.items() if path in gone}
    folders = sorted({Path(path).parent for path in gone})
    for folder in folders:
        if not folder.resolve().is_relative_to(root.resolve()):
            raise ValueError(
                f"folder {folder} is, or lies in, a link to {folder.resolve()}: nothing is written "
                f"outside of the data root {root}; use a data root with folders of its own"
            )
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for (image, mask), with_mask in wanted.items():
        there = [name for name in (image, mask) if name and name not in missing]
        for name in {image, mask if with_mask else image} & missing:
            size = image_size(files[there[0]], decode=False) if there else (HEIGHT, WIDTH)
            variant = zlib.crc32(image.encode()) % VARIANTS
            suffix = PurePosixPath(name).suffix
            pixels = _encode(variant, classes, size, suffix, is_mask=name == mask, binary=binary)
            with open(files[name], "xb") as file, open(root / GENERATED, "a") as log:
                file.write(pixels)
                log.write(f"{name}\n")
            missing.discard(name)
            written += 1
    return written


def _listed(cfg: Config, root: Path) -> dict[Entry, bool]:
    """Return every entry of the lists and whether it needs its mask."""
    semi = cfg.train_dataloader.dataset
    split_root = semi.get("split_root")
    folder = Path(split_root).absolute() if split_root else root / "splits"
    folder /= str(semi.get("split"))
    lists = {root / (semi.get("unlabeled") or folder / UNLABELED_FILE): False}
    lists[root / (semi.get("labeled") or folder / LABELED_FILE)] = True
    for loader in ("val_dataloader", "test_dataloader"):
        if cfg.get(loader) and cfg[loader].dataset.get("ann_file"):
            lists[root / cfg[loader].dataset.ann_file] = True
    wanted = {}
    for path, with_masks in lists.items():
        for image, mask in read_list(path):
            for name in filter(None, (image, mask)):
                if os.path.isabs(name) or name.startswith("../"):
                    raise ValueError(f"list {path} names {name}: expected a name below {root}")
            if with_masks and mask is None:
                raise ValueError(f"list {path} names no mask for {image}: expected 'image mask'")
            wanted[image, mask] = with_masks or wanted.get((image, mask), False)
    return wanted


@lru_cache(maxsize=1024)
def _encode(
    variant: int, num_classes: int, size: tuple[int, int], suffix: str, is_mask: bool, binary: bool
) -> bytes:
    """Encode one of the generated images, or its mask, as a file."""
    pixels = _paint(np.random.default_rng(variant), num_classes)[is_mask]
    if is_mask and binary:
        pixels[pixels == 255] = 0
    pixels = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_NEAREST)
    try:
        done, content = cv2.imencode(suffix, pixels)
    except cv2.error:
        done = False
    if not done:
        raise ValueError(
            f"a list names a file with the ending {suffix!r}: images can be generated with .jpg, "
            ".png and other endings that OpenCV writes"
        )
    return content.tobytes()


def _names(kind: str, part: str, i: int) -> tuple[str, str]:
    image, mask = LAYOUTS.get(kind, FOLDERS)
    return image.format(part=part, i=i), mask.format(part=part, i=i)


@cache
def _write_samples(kind: str, num_classes: int, binary: bool) -> Path:
    """Write images and masks of one type of data set, once per process."""
    folder = tempfile.TemporaryDirectory(prefix="rankseg-standin-")
    _KEPT.append(folder)
    root = Path(folder.name)
    rng = np.random.default_rng(0)
    for part, count in COUNTS.items():
        for i in range(count):
            image, label = _paint(rng, num_classes)
            if binary:
                label[label == 255] = 0
            for name, pixels in zip(_names(kind, part, i), (image, label), strict=True):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / name), pixels)
    (root / "classes.txt").write_text("".join(f"class {i}\n" for i in range(num_classes)))
    return root


def _paint(rng: np.random.Generator, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Paint blobs of random classes, one shade per class, and a border of 255 in the mask."""
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(12):
        centre = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
        cv2.circle(label, centre, int(rng.integers(8, 32)), int(rng.integers(num_classes)), -1)
    shades = rng.integers(0, 256, (num_classes, 3))
    noise = rng.integers(-20, 21, (HEIGHT, WIDTH, 3))
    image = np.clip(shades[label] + noise, 0, 255).astype(np.uint8)
    cv2.rectangle(label, (0, 0), (WIDTH - 1, HEIGHT - 1), 255, 2)
    return image, label


def _write_list(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
