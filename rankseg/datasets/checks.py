# SPDX-License-Identifier: Apache-2.0
"""Look at the files of a data set before training, so that a bad one is found in seconds."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import BinaryIO, TypeVar

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from rankseg.datasets.base import ListDataset, SegListDataset
from rankseg.datasets.image_level import ArrayDataset, ImageLevelDataset
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
LOOKED_AT = 2000  # images of a set with classes: it may have a million
TAIL = 4096  # bytes at the end of a file in which its end mark is looked for

T = TypeVar("T")


def check_data(train: SemiDataset, val: ListDataset | None = None) -> list[str]:
    """Check everything that training will open.

    Labelled images are decoded and compared with their labels (:func:`check_labeled`), of
    unlabelled images the header and the end are read, and of the validation list a spread sample is
    checked like labelled images. Where labels are classes of images, at most 2,000 of each are
    looked at. Unless the training set was built with ``val=None``, no image of it may be in the
    validation list.

    Returns:
        Lines for the log: what was looked at, and what is odd without being wrong.

    Raises:
        ValueError: On the first image or mask that training would trip over, a validation image
            that is trained on, or classes that differ between training and validation.
    """
    if val is not None and train.check_val:
        held_out, name = _by_path(val), val.ann_file or val.source
        for half, what in ((train.labeled, "labelled"), (train.unlabeled, "unlabelled")):
            what = f"the {what} list of split '{train.split}'"
            check_leakage(_by_path(half), held_out, what, name)
    by_class = isinstance(train.labeled, ImageLevelDataset)
    limit = LOOKED_AT if by_class else None
    notes = [train.describe(), *check_labeled(train.labeled, limit)]
    notes += check_headers(train.unlabeled, limit)
    if val is not None:
        if by_class:
            check_same_classes(train.labeled, val)
        notes += check_labeled(val, limit=50)
    return notes


def check_same_classes(train: ListDataset, val: ListDataset) -> None:
    """Check that training and validation mean the same by a class id.

    Raises:
        ValueError: If they do not.
    """
    if train.classes == val.classes:
        return
    pairs = enumerate(zip_longest(train.classes, val.classes))
    k, names = next((k, names) for k, names in pairs if names[0] != names[1])
    here, there = (f"'{name}'" if name is not None else "none" for name in names)
    raise ValueError(
        f"class {k} is {here} in {train.source} and {there} in {val.source} "
        f"({len(train.classes)} and {len(val.classes)} classes): name the folders alike, or "
        "all classes, one per line in id order, in DATA_ROOT/classes.txt"
    )


def check_labeled(dataset: ListDataset, limit: int | None = None) -> list[str]:
    """Check images with their labels: :func:`check_masks` or :func:`check_images`, as it suits."""
    check = check_masks if isinstance(dataset, SegListDataset) else check_images
    return check(dataset, limit)


def check_images(dataset: ImageLevelDataset, limit: int | None = None) -> list[str]:
    """Decode images with classes, and see what the pipeline of a test set makes of their sizes.

    Args:
        dataset: A data set with classes.
        limit: See :func:`check_masks`.

    Returns:
        Lines for the log: how many were looked at, their sizes, and classes without an image.

    Raises:
        ValueError: If a file does not decode, or the images that a test pipeline makes differ in
            size: in a batch they would be padded, and the padding pooled with the image.
    """
    picked = spread(len(dataset), limit or len(dataset))
    samples = [dataset.get_data_info(i) for i in picked]
    what = f"images of {dataset.source}"
    if isinstance(dataset, ArrayDataset):
        sizes = [sample["img"].shape[:2] for sample in samples]
    else:
        sizes = _each(lambda sample: image_size(sample["img_path"]), samples, what)
    ends = [min(sizes), max(sizes)]
    if dataset.test_mode:
        _check_test_sizes(dataset, [picked[sizes.index(size)] for size in ends])
    text = " to ".join(f"{width}x{height}" for height, width in sorted(set(ends)))
    notes = [f"{_seen(len(samples), len(dataset), what)}, {text} pixels"]
    present = set(dataset.class_ids())
    absent = [name for k, name in enumerate(dataset.classes) if k not in present]
    if absent:
        more = f" and {len(absent) - 5} others" if len(absent) > 5 else ""
        notes.append(f"{dataset.source}: no image of {', '.join(absent[:5])}{more}")
    return notes


def _check_test_sizes(dataset: ImageLevelDataset, picked: Sequence[int]) -> None:
    """Run the pipeline on some samples; they must come out in one size."""
    made = [dataset[i] for i in picked]
    sizes = [tuple(sample["inputs"].shape[1:]) for sample in made if "inputs" in sample]
    if len(set(sizes)) > 1:
        names = [dataset.get_data_info(i)["img_path"] for i in picked]
        (first, second) = (f"{width}x{height}" for height, width in sizes)
        raise ValueError(
            f"the pipeline of {dataset.source} makes images of different size, {first} of "
            f"{names[0]} and {second} of {names[1]}: put dict(type='ResizeCenter', size=...) "
            "before PackEval"
        )


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


def check_headers(dataset: ListDataset, limit: int | None = None) -> list[str]:
    """Read header and end of images without decoding them; see :func:`check_masks`.

    Raises:
        ValueError: If a file is no image, or a JPEG or PNG is cut off.
    """
    if isinstance(dataset, ArrayDataset):  # read as a whole when the data set was built
        return []
    samples = [dataset.get_data_info(i) for i in spread(len(dataset), limit or len(dataset))]
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


def _by_path(dataset: ListDataset) -> list[Entry]:
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
