# SPDX-License-Identifier: Apache-2.0
"""Generated images with masks: a whole data set, or the missing files of one."""

import os
import zlib
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from mmengine.config import Config

from rankseg.datasets.base import dataset_class
from rankseg.datasets.file_checks import missing_files
from rankseg.datasets.splits.splits import LABELED_FILE, UNLABELED_FILE, Entry, read_list
from rankseg.datasets.standin import evaluation_sets, temporary_root
from rankseg.imageio.masks import BINARY
from rankseg.imageio.reading import read_image_info

COUNTS = {"labeled": 4, "unlabeled": 6, "val": 2}
HEIGHT, WIDTH = 96, 128
VARIANTS = 8  # number of different images among those that fill gaps
GENERATED = "generated.txt"

Names = tuple[str, str]
"""Templates of the files of an image and its mask, see ``SegListDataset.STANDIN_FILES``."""


def make_mask_standin(cfg: Config, names: Names) -> Path:
    """Write a tiny data set with masks for a config and point the config to it.

    Four labeled, six unlabeled and two validation images of 96 x 128 pixels show blobs of the
    config's classes and have an ignored border. Lists have the names given by the config; the sizes
    of published splits are not checked.

    Args:
        cfg: Config with ``train_dataloader`` over a ``SemiDataset`` and a ``val_dataloader``. Its
            data roots, ``split_root`` and ``check_counts`` are changed in place.
        names: Templates of the files.

    Returns:
        The data root.
    """
    semi, tests = cfg.train_dataloader.dataset, evaluation_sets(cfg)
    root = _write_samples(names, cfg.model.student.decode_head.num_classes, _is_binary(semi))
    lines = {
        part: [" ".join(name.format(part=part, i=i) for name in names) for i in range(count)]
        for part, count in COUNTS.items()
    }
    lines["unlabeled"] = [line.split()[0] for line in lines["unlabeled"]]
    for node in (semi.dataset, *tests):
        node.data_root = str(root)
        node.pop("classes_file", None)  # the generated names are in classes.txt
    semi.check_counts = False
    semi.pop("split_root", None)
    lists = {
        semi.get(part, f"splits/{semi.get('split')}/{part}.txt"): part
        for part in ("labeled", "unlabeled")
    }
    lists |= dict.fromkeys(
        ("splits/val.txt", *(node.ann_file for node in tests if node.get("ann_file"))), "val"
    )
    for name, part in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("".join(f"{line}\n" for line in lines[part]))
    return root


def _is_binary(semi: Config) -> bool:
    return bool(semi.dataset.get("binary")) or semi.dataset.get("label_rule") == BINARY


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
    if dataset_class(data.type).image_level:
        raise ValueError(
            f"Expected a data set of images and masks, but got {data.type}, whose images have "
            "classes. Rehearse with `python tools/train.py CONFIG --tiny`."
        )
    binary = _is_binary(cfg.train_dataloader.dataset)
    classes = cfg.model.student.decode_head.num_classes
    wanted = _listed(cfg, root)
    files = {name: str(root / name) for pair in wanted for name in pair if name}
    gone = set(missing_files(list(files.values())))
    missing = {name for name, path in files.items() if path in gone}
    folders = sorted({Path(path).parent for path in gone})
    for folder in folders:
        if not folder.resolve().is_relative_to(root.resolve()):
            raise ValueError(
                f"Expected folder {folder} to be inside the data root {root}, but it links to "
                f"{folder.resolve()}, and nothing is written outside the data root. Replace the "
                "link by a folder."
            )
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for (image, mask), with_mask in wanted.items():
        present = [name for name in (image, mask) if name and name not in missing]
        for name in {image, mask if with_mask else image} & missing:
            size = (HEIGHT, WIDTH)
            if present:
                size = read_image_info(files[present[0]], decode=False)[:2]
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
    lists |= {root / node.ann_file: True for node in evaluation_sets(cfg) if node.get("ann_file")}
    wanted = {}
    for path, with_masks in lists.items():
        for image, mask in read_list(path):
            for name in filter(None, (image, mask)):
                if os.path.isabs(name) or name.startswith("../"):
                    raise ValueError(
                        f"Expected list {path} to name files below {root}, but got {name}. Correct "
                        "the list."
                    )
            if with_masks and mask is None:
                raise ValueError(
                    f"Expected list {path} to have 'image mask' lines, but got no mask for "
                    f"{image}. Name its mask."
                )
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
            f"Expected file names with a suffix that OpenCV writes, such as .jpg or .png, but got "
            f"{suffix!r}. Rename the files in the list."
        )
    return content.tobytes()


@cache
def _write_samples(names: Names, num_classes: int, binary: bool) -> Path:
    """Write images and masks of one layout, once per process."""
    root, rng = temporary_root(), np.random.default_rng(0)
    for part, count in COUNTS.items():
        for i in range(count):
            image, label = _paint(rng, num_classes)
            if binary:
                label[label == 255] = 0
            for name, pixels in zip(names, (image, label), strict=True):
                path = root / name.format(part=part, i=i)
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), pixels)
    (root / "classes.txt").write_text("".join(f"class {i}\n" for i in range(num_classes)))
    return root


def _paint(rng: np.random.Generator, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Paint blobs of random classes, one shade per class, and a border of 255 in the mask."""
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(12):
        center = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
        cv2.circle(label, center, int(rng.integers(8, 32)), int(rng.integers(num_classes)), -1)
    shades = rng.integers(0, 256, (num_classes, 3))
    noise = rng.integers(-20, 21, (HEIGHT, WIDTH, 3))
    image = np.clip(shades[label] + noise, 0, 255).astype(np.uint8)
    cv2.rectangle(label, (0, 0), (WIDTH - 1, HEIGHT - 1), 255, 2)
    return image, label
