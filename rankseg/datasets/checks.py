# SPDX-License-Identifier: Apache-2.0
"""Look at the files of a data set before training, so that a bad one is found in seconds."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from PIL import Image

from rankseg.datasets.base import SegListDataset
from rankseg.datasets.masks import CANNOT_READ, IGNORE, read_mask, some
from rankseg.datasets.semi import SemiDataset

THREADS = 4

T = TypeVar("T")


def check_data(train: SemiDataset, val: SegListDataset | None = None) -> list[str]:
    """Check everything that training will open.

    Labelled images are decoded and compared with their masks (:func:`check_masks`), unlabelled
    images are opened without decoding, and of the validation list a spread sample is checked like
    labelled images.

    Returns:
        Lines for the log: what was looked at, and what is odd without being wrong.

    Raises:
        ValueError: On the first image or mask that training would trip over.
    """
    notes = [train.describe(), *check_masks(train.labeled)]
    notes += check_headers(train.unlabeled)
    if val is not None:
        notes += check_masks(val, limit=50)
    return notes


def check_masks(dataset: SegListDataset, limit: int = 500) -> list[str]:
    """Decode images and masks, and compare sizes and values.

    Args:
        dataset: A data set with masks.
        limit: Above this number of samples, that many evenly spaced ones are looked at.

    Returns:
        Lines for the log: how many were looked at, and classes without a single pixel.

    Raises:
        FileNotFoundError: If a mask is gone.
        ValueError: If a file does not decode, a mask differs in size from its image or holds a
            value that is no class and not 255, or all masks hold 0 and 255 alone.
    """
    picked = spread(len(dataset), limit)
    samples = [dataset.get_data_info(i) for i in picked]
    classes = dataset.classes
    pixels = sum(_each(lambda sample: _check_sample(sample, classes), samples))
    used = np.flatnonzero(pixels)
    if set(used) == {0, IGNORE}:
        raise ValueError(
            f"{dataset.source}: all {len(samples)} masks hold the values 0 and {IGNORE} alone, and "
            f"{IGNORE} means ignore, so that nothing but '{classes[0]}' could be learned: for "
            "two-class masks of 0/255 use FolderDataset with binary=True"
        )
    notes = [_seen(len(samples), len(dataset), f"images and masks of {dataset.source}")]
    absent = [name for k, name in enumerate(classes) if k not in used]
    if absent:
        notes.append(f"{dataset.source}: no pixel of {', '.join(absent)} in the masks looked at")
    return notes


def check_headers(dataset: SegListDataset, limit: int = 20000) -> list[str]:
    """Open images without decoding their pixels; arguments and result as :func:`check_masks`.

    Raises:
        ValueError: If a file is no image.
    """
    samples = [dataset.get_data_info(i) for i in spread(len(dataset), limit)]
    _each(lambda sample: image_size(sample["img_path"], decode=False), samples)
    return [_seen(len(samples), len(dataset), f"image headers of {dataset.source}")]


def image_size(path: str, decode: bool = True) -> tuple[int, int]:
    """Height and width of an image; ``decode`` reads all pixels, so that a cut-off file is found.

    Raises:
        ValueError: If the file does not decode.
    """
    try:
        with Image.open(path) as image:
            if decode:
                image.load()
            return image.height, image.width
    except CANNOT_READ as error:
        raise ValueError(
            f"image {path} does not decode ({error}): save it anew as JPEG or PNG, or take it "
            "from the lists"
        ) from error


def spread(total: int, limit: int) -> list[int]:
    """At most ``limit`` evenly spaced positions, the first and the last among them.

    >>> spread(9, 3)
    [0, 4, 8]
    """
    if total <= limit:
        return list(range(total))
    return [int(i) for i in np.linspace(0, total - 1, limit).round()]


def _check_sample(sample: dict, classes: Sequence[str]) -> np.ndarray:
    """Check one image with its mask; pixels by label, ``(256,)`` int64."""
    image, mask_path = sample["img_path"], sample["seg_map_path"]
    mask = read_mask(mask_path, sample["label_rule"])
    size = image_size(image)
    if mask.shape != size:
        raise ValueError(
            f"mask {mask_path} is {mask.shape[1]}x{mask.shape[0]} pixels (width x height), its "
            f"image {image} is {size[1]}x{size[0]}: they must have one size"
        )
    pixels = np.bincount(mask.ravel(), minlength=256)
    bad = np.flatnonzero(pixels[len(classes) : IGNORE]) + len(classes)
    if len(bad):
        hint = (
            "a mask of 0 and one other value needs FolderDataset with binary=True"
            if len(np.flatnonzero(pixels)) == 2 and len(classes) == 2
            else "correct the mask, add the class, or map the value with label_rule={VALUE: CLASS}"
        )
        raise ValueError(
            f"mask {mask_path} holds {some(bad)}, which is no class and not {IGNORE} (ignore): the "
            f"{len(classes)} classes known are 0 to {len(classes) - 1} ({', '.join(classes)}); "
            f"{hint}"
        )
    return pixels


def _each(work: Callable[[dict], T], samples: Iterable[dict]) -> list[T]:
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return list(pool.map(work, samples))


def _seen(looked: int, total: int, what: str) -> str:
    return f"checked {'all ' if looked == total else f'{looked} evenly spaced of '}{total} {what}"
