# SPDX-License-Identifier: Apache-2.0
"""A few generated images in the layout that a config expects, for when its data is not there."""

import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config

COUNTS = {"labeled": 4, "unlabeled": 6, "val": 2}
HEIGHT, WIDTH = 96, 128

# Image and mask of one sample, by type of data set; all others are plain folders.
LAYOUTS = {
    "VOCDataset": ("JPEGImages/{part}_{i}.jpg", "SegmentationClass/{part}_{i}.png"),
    "CityscapesDataset": (
        "leftImg8bit/{part}/town/town_{i:06}_000019_leftImg8bit.png",
        "gtFine/{part}/town/town_{i:06}_000019_gtFine_labelTrainIds.png",
    ),
}
FOLDERS = ("images/{part}/{i}.png", "masks/{part}/{i}.png")

_KEPT: list[tempfile.TemporaryDirectory] = []  # removed when the process ends


def make_standin(cfg: Config) -> Path:
    """Write a tiny data set for a config into a temporary folder and point the config there.

    Four labelled, six unlabelled and two validation images of 96 x 128 pixels hold blobs of the
    config's classes and a border to ignore. Lists have the names that the config gives them; the
    sizes of a published split are not asked for. The folder is removed when the process ends.

    Args:
        cfg: A config with ``train_dataloader`` over a ``SemiDataset`` and a ``val_dataloader``.
            Changed in place: data roots, ``split_root``, ``check_counts``.

    Returns:
        The data root.
    """
    semi = cfg.train_dataloader.dataset
    kind = semi.dataset.type
    root = _write_samples(kind, cfg.model.student.decode_head.num_classes)
    lines = {
        part: [" ".join(_names(kind, part, i)) for i in range(count)]
        for part, count in COUNTS.items()
    }
    lines["unlabeled"] = [line.split()[0] for line in lines["unlabeled"]]
    semi.dataset.data_root = str(root)
    semi.check_counts = False
    semi.pop("split_root", None)
    for half in ("labeled", "unlabeled"):
        in_split = f"splits/{semi.get('split')}/{half}.txt"
        _write_list(root / semi.get(half, in_split), lines[half])
    _write_list(root / "splits/val.txt", lines["val"])
    for loader in ("val_dataloader", "test_dataloader"):
        if cfg.get(loader):
            cfg[loader].dataset.data_root = str(root)
            _write_list(root / cfg[loader].dataset.ann_file, lines["val"])
    return root


def _names(kind: str, part: str, i: int) -> tuple[str, str]:
    image, mask = LAYOUTS.get(kind, FOLDERS)
    return image.format(part=part, i=i), mask.format(part=part, i=i)


@cache
def _write_samples(kind: str, num_classes: int) -> Path:
    """Images and masks of one type of data set, written once in the life of the process."""
    folder = tempfile.TemporaryDirectory(prefix="rankseg-standin-")
    _KEPT.append(folder)
    root = Path(folder.name)
    rng = np.random.default_rng(0)
    for part, count in COUNTS.items():
        for i in range(count):
            image, label = _paint(rng, num_classes)
            for name, pixels in zip(_names(kind, part, i), (image, label), strict=True):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / name), pixels)
    (root / "classes.txt").write_text("".join(f"class {i}\n" for i in range(num_classes)))
    return root


def _paint(rng: np.random.Generator, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of random classes, each class in its own shade, and a frame of 255 in the mask."""
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
