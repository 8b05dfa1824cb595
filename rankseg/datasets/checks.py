# SPDX-License-Identifier: Apache-2.0
"""Look at the files of a data set before training, so that a bad one is found in seconds."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, TypeVar

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from rankseg.datasets.base import SegListDataset
from rankseg.datasets.masks import (
    CANNOT_READ,
    check_mask,
    check_not_0_and_255,
    check_same_size,
    read_mask,
)
from rankseg.datasets.semi import SemiDataset
from rankseg.datasets.splits import Entry, check_leakage
from rankseg.datasets.transforms.loading import undecodable

THREADS = max(4, min(16, os.cpu_count() or 1))
PROGRESS_SECONDS = 5.0
TAIL = 4096  # bytes at the end of a file in which its end mark is looked for

T = TypeVar("T")


def check_data(train: SemiDataset, val: SegListDataset | None = None) -> list[str]:
    """Check everything that training will open.

    Labelled images are decoded and compared with their masks (:func:`check_masks`), of unlabelled
    images the header and the end are read, and of the validation list a spread sample is checked
    like labelled images. Unless the training set was built with ``val=None``, no image of it may
    be in the validation list.

    Returns:
        Lines for the log: what was looked at, and what is odd without being wrong.

    Raises:
        ValueError: On the first image or mask that training would trip over, or a validation
            image that is trained on.
    """
    if val is not None and train.check_val:
        held_out, name = _by_path(val), val.ann_file or val.source
        for half, what in ((train.labeled, "labelled"), (train.unlabeled, "unlabelled")):
            what = f"the {what} list of split '{train.split}'"
            check_leakage(_by_path(half), held_out, what, name)
    notes = [train.describe(), *check_masks(train.labeled)]
    notes += check_headers(train.unlabeled)
    if val is not None:
        notes += check_masks(val, limit=50)
    return notes


def check_masks(dataset: SegListDataset, limit: int | None = None) -> list[str]:
    """Decode images and masks, and compare sizes and values.

    Args:
        dataset: A data set with masks.
        limit: Above this number of samples, that many evenly spaced ones are looked at. ``None``
            looks at all.

    Returns:
        Lines for the log: how many were looked at, and classes without a single pixel.

    Raises:
        FileNotFoundError: If a mask is gone.
        ValueError: If a file does not decode, a mask differs in size from its image or holds a
            value that is no class and not 255, or all masks hold 0 and 255 alone.
    """
    picked = spread(len(dataset), limit or len(dataset))
    samples = [dataset.get_data_info(i) for i in picked]
    what = f"images and masks of {dataset.source}"
    used = np.flatnonzero(sum(_each(_check_sample, samples, what)))
    check_not_0_and_255(used, dataset.source)
    notes = [_seen(len(samples), len(dataset), what)]
    absent = [name for k, name in enumerate(dataset.classes) if k not in used]
    if absent:
        notes.append(f"{dataset.source}: no pixel of {', '.join(absent)} in the masks looked at")
    return notes


def check_headers(dataset: SegListDataset) -> list[str]:
    """Read header and end of all images without decoding them; result as :func:`check_masks`.

    Raises:
        ValueError: If a file is no image, or a JPEG or PNG is cut off.
    """
    samples = [dataset.get_data_info(i) for i in range(len(dataset))]
    what = f"image headers of {dataset.source}"
    _each(lambda sample: image_size(sample["img_path"], decode=False), samples, what)
    return [_seen(len(samples), len(dataset), what)]


def image_size(path: str, decode: bool = True) -> tuple[int, int]:
    """Height and width of an image.

    Args:
        path: The image.
        decode: Read all pixels, so that damage is found. ``False`` decodes only a JPEG or PNG
            that has no end mark near its end: OpenCV fills the missing part of a cut-off file with
            grey and says nothing.

    Raises:
        ValueError: If the file does not decode.
    """
    try:
        with open(path, "rb") as file:
            tail = _tail(file)
            with Image.open(file) as image:
                if decode or not _has_end(tail, image.format):
                    image.load()
                return image.height, image.width
    except CANNOT_READ as error:
        raise undecodable(path, error) from error


def _tail(file: BinaryIO) -> bytes:
    """The last bytes of a file; goes back to its start."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
    tail = file.read()
    file.seek(0)
    return tail


def _has_end(tail: bytes, kind: str | None) -> bool:
    """Whether the end of a JPEG or PNG holds its end mark; other kinds are taken as complete."""
    if kind in ("JPEG", "MPO"):
        # Padding may follow, but no start of a scan: that would be the end mark of a thumbnail.
        end = tail.rfind(b"\xff\xd9")
        return end >= 0 and b"\xff\xda" not in tail[end:]
    return kind != "PNG" or b"IEND" in tail


def spread(total: int, limit: int) -> list[int]:
    """At most ``limit`` evenly spaced positions, the first and the last among them.

    >>> spread(9, 3)
    [0, 4, 8]
    """
    if total <= limit:
        return list(range(total))
    return [int(i) for i in np.linspace(0, total - 1, limit).round()]


def _check_sample(sample: dict) -> np.ndarray:
    """Check one image with its mask; pixels by label, ``(256,)`` int64."""
    image, path = sample["img_path"], sample["seg_map_path"]
    mask = read_mask(path, sample["label_rule"])
    check_same_size(path, mask.shape, image, image_size(image))
    check_mask(mask, sample["classes"], path)
    return np.bincount(mask.ravel(), minlength=256)


def _each(work: Callable[[dict], T], samples: Sequence[dict], what: str) -> list[T]:
    """Do the work in threads, in order; a line of progress every few seconds."""
    results, told = [], time.monotonic()
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        for result in pool.map(work, samples):
            results.append(result)
            if time.monotonic() - told >= PROGRESS_SECONDS and len(results) < len(samples):
                told = time.monotonic()
                print_log(f"checking {what}: {len(results)} of {len(samples)}")
    return results


def _by_path(dataset: SegListDataset) -> list[Entry]:
    """The images by full path; links in folders are followed, so that one image has one name."""
    folders: dict[str, str] = {}
    entries = []
    for i in range(len(dataset)):
        folder, name = os.path.split(dataset.get_data_info(i)["img_path"])
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        entries.append((os.path.join(folders[folder], name), None))
    return entries


def _seen(looked: int, total: int, what: str) -> str:
    return f"checked {'all ' if looked == total else f'{looked} evenly spaced of '}{total} {what}"
