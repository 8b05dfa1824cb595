# SPDX-License-Identifier: Apache-2.0
"""Checks of the files of a data set that run before training starts."""

import os
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest

import numpy as np

from rankseg.datasets.base import ListDataset, SegListDataset
from rankseg.datasets.file_checks import Files, FileValidator, Found
from rankseg.datasets.image_level import ArrayDataset, ImageLevelDataset
from rankseg.datasets.kinds import check_kinds, check_same_reading, refuse_deep
from rankseg.datasets.semi import SemiDataset
from rankseg.datasets.splits.splits import Entry, check_duplicates, check_leakage
from rankseg.imageio.image_files import UPRIGHT
from rankseg.imageio.masks import (
    check_mask,
    check_not_0_and_255,
    check_same_size,
    read_mask,
)
from rankseg.imageio.reading import ImageInfo, read_image_info

LOOKED_AT = 2000  # images checked per list with image-level classes: a list may have a million
VALIDATION = 50  # validation images that are decoded


def check_data(
    train: SemiDataset,
    val: ListDataset | None = None,
    look: FileValidator | None = None,
    test: ListDataset | None = None,
) -> list[str]:
    """Check every file that training will open.

    Labeled images are decoded and compared with their labels (:func:`check_labeled`). For all other
    images only the header and the end of the file are read. An evenly spaced sample of the
    validation list is checked like labeled images. With image-level classes, at most 2,000 images
    per list are checked. With ``look.full`` every file is decoded. Unless the training set was
    built with ``val=None``, none of its images may be in the validation list.

    Args:
        train: The training set.
        val: The validation set.
        look: How to check files. By default the check is fast and caches nothing.
        test: The test set; its files are checked only with ``look.full``.

    Returns:
        Log lines: the files that were checked, and warnings about unusual but valid data.

    Raises:
        ValueError: On the first image or mask that training could not read (with ``look.full``, all
            of them are named), if a validation image is also a training image or listed twice, if
            classes differ between training and validation, if pipelines read images in different
            ways, or if images have more than 8 bits and no ``value_range``.
    """
    look = look or FileValidator()
    check_same_reading([one for one in (train.labeled, train.unlabeled, val) if one is not None])
    if val is not None:
        held_out, name = _by_path(val), val.ann_file or val.source
        check_duplicates(held_out, name)
        for half, what in ((train.labeled, "labelled"), (train.unlabeled, "unlabelled")):
            if train.check_val:
                what = f"the {what} list of split '{train.split}'"
                check_leakage(_by_path(half), held_out, what, name)
    by_class = isinstance(train.labeled, ImageLevelDataset)
    limit = LOOKED_AT if by_class and not look.full else None
    notes = [train.describe(), *check_labeled(train.labeled, limit, look)]
    notes += check_headers(train.unlabeled, limit, look)
    if val is not None:
        if by_class and train.test_classes == "same":
            check_same_classes(train.labeled, val)
        if by_class and train.test_classes == "new":
            check_new_classes(train, val)
        if not look.full and len(val) > VALIDATION:
            notes += check_headers(val, limit, look)
        notes += check_labeled(val, None if look.full else VALIDATION, look)
    if test is not None and look.full:
        notes += check_labeled(test, None, look)
    look.finish()
    refuse_deep(look.deep)
    if look.remembered:
        notes.append(
            f"{look.remembered} of the {look.looked_at} were found good before and have the same "
            "size and time of change: they were not opened (--check full opens all)"
        )
    return notes


def check_same_classes(train: ListDataset, val: ListDataset) -> None:
    """Check that class ids mean the same in training and validation.

    Raises:
        ValueError: If they differ.
    """
    if train.classes == val.classes:
        return
    pairs = enumerate(zip_longest(train.classes, val.classes))
    k, names = next((k, names) for k, names in pairs if names[0] != names[1])
    here, there = (f"'{name}'" if name is not None else "none" for name in names)
    cure = (
        "name the folders alike, or all classes, one per line in id order, in DATA_ROOT/classes.txt"
    )
    if getattr(train, "coarse", None) != getattr(val, "coarse", None):
        cure = "give both data sets the same coarse=..."
    raise ValueError(
        f"class {k} is {here} in {train.source} and {there} in {val.source} "
        f"({len(train.classes)} and {len(val.classes)} classes): {cure}"
    )


def check_new_classes(train: SemiDataset, val: ImageLevelDataset) -> None:
    """Check by name that no class of the validation images is used in training.

    Unlabeled images count if their class is known.

    Raises:
        ValueError: If a class is used in both; names the first one.
    """
    both = _named_classes(val) & (_named_classes(train.labeled) | _named_classes(train.unlabeled))
    if both:
        more = f" (and {len(both) - 1} others)" if len(both) > 1 else ""
        raise ValueError(
            f"class '{min(both)}'{more} of {val.source} is among the classes that are trained on: "
            "Recall@K is measured on classes that a network has not seen; give training and test "
            "other classes, or allow it with train_dataloader.dataset.test_classes='any'"
        )


def _named_classes(dataset: ImageLevelDataset) -> set[str]:
    """Return the names of the classes that have an image."""
    return {dataset.classes[k] for k in set(dataset.class_ids().tolist()) if k >= 0}


def check_labeled(
    dataset: ListDataset, limit: int | None = None, look: FileValidator | None = None
) -> list[str]:
    """Check images with their labels by :func:`check_masks` or :func:`check_images`."""
    check = check_masks if isinstance(dataset, SegListDataset) else check_images
    return check(dataset, limit, look)


def check_images(
    dataset: ImageLevelDataset, limit: int | None = None, look: FileValidator | None = None
) -> list[str]:
    """Decode images with classes and check the sizes that a test pipeline produces.

    Args:
        dataset: A data set with classes.
        limit: See :func:`check_masks`.
        look: See :func:`check_masks`.

    Returns:
        Log lines: the number of checked images, their sizes, and classes without an image.

    Raises:
        ValueError: If a file cannot be decoded, or if a test pipeline produces images of different
            sizes. A batch would pad them, and the padding would be pooled with the image.
    """
    picked = evenly_spaced(len(dataset), limit or len(dataset))
    samples = [dataset.get_data_info(i) for i in picked]
    what = f"images of {dataset.source}"
    kinds: list[str] = []
    if isinstance(dataset, ArrayDataset):
        sizes = [sample["img"].shape[:2] for sample in samples]
    else:
        files = [(sample["img_path"],) for sample in samples]
        look = look or FileValidator()
        found = look.each(_look_at_image, files, DECODED, what)
        kinds = _look_at_kinds(dataset, files, found, look)
        picked = [i for i, one in zip(picked, found, strict=True) if one is not None]
        sizes = [tuple(one[:2]) for one in found if one is not None]
    if not sizes:  # every file is bad
        return []
    ends = [min(sizes), max(sizes)]
    if dataset.test_mode:
        _check_test_sizes(dataset, [picked[sizes.index(size)] for size in ends])
    text = " to ".join(f"{width}x{height}" for height, width in sorted(set(ends)))
    notes = [f"{_counted(len(samples), len(dataset), what)}, {text} pixels", *kinds]
    present = set(dataset.class_ids())
    absent = [name for k, name in enumerate(dataset.classes) if k not in present]
    if absent and not dataset.is_part:
        more = f" and {len(absent) - 5} others" if len(absent) > 5 else ""
        notes.append(f"{dataset.source}: no image of {', '.join(absent[:5])}{more}")
    return notes


def _check_test_sizes(dataset: ImageLevelDataset, picked: Sequence[int]) -> None:
    """Run the pipeline on some samples and check that all outputs have one size."""
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


def check_masks(
    dataset: SegListDataset, limit: int | None = None, look: FileValidator | None = None
) -> list[str]:
    """Decode images and masks and compare sizes and values.

    Args:
        dataset: A data set with masks.
        limit: Maximum number of evenly spaced samples to check. ``None`` checks all.
        look: How to check files. By default the check is fast and caches nothing.

    Returns:
        Log lines: the number of checked samples, and classes without a single pixel.

    Raises:
        FileNotFoundError: If a mask is missing.
        ValueError: If a file cannot be decoded, a mask differs in size from its image or holds a
            value that is neither a class nor 255, or all masks hold only 0 and 255.
    """
    picked = evenly_spaced(len(dataset), limit or len(dataset))
    samples = [dataset.get_data_info(i) for i in picked]
    what = f"images and masks of {dataset.source}"
    files = [(sample["img_path"], sample["seg_map_path"]) for sample in samples]
    rule = f"mask, kind {dataset.label_rule!r} {len(dataset.classes)}"
    work = partial(_look_at_pair, rule=dataset.label_rule, classes=dataset.classes)
    look = look or FileValidator()
    found = look.each(work, files, rule, what)
    kinds = _look_at_kinds(dataset, files, found, look)
    good = [one for one in found if one is not None]
    used = sorted({value for one in good for value in one[len(ImageInfo._fields) :]})
    check_not_0_and_255(used, dataset.source)
    notes = [_counted(len(samples), len(dataset), what), *_turned(good, dataset.source), *kinds]
    absent = [name for k, name in enumerate(dataset.classes) if k not in used]
    if absent:
        notes.append(f"{dataset.source}: no pixel of {', '.join(absent)} in the masks looked at")
    return notes


def _turned(found: Sequence[Found], source: str) -> list[str]:
    """Warn of images that viewers rotate by EXIF; comparing sizes does not reveal all of them."""
    turned = sum(one[2] != UPRIGHT for one in found)
    if not turned:
        return []
    return [
        f"{source}: {turned} of {len(found)} images carry an EXIF orientation, which is not "
        "followed: their masks must be drawn on the pixels as they are stored"
    ]


def check_headers(
    dataset: ListDataset, limit: int | None = None, look: FileValidator | None = None
) -> list[str]:
    """Read the header and the end of images without decoding them; see :func:`check_masks`.

    With ``look.full`` the images are decoded.

    Raises:
        ValueError: If a file is not an image, or a JPEG or PNG is truncated.
    """
    if isinstance(dataset, ArrayDataset):  # already read completely when the data set was built
        return []
    look = look or FileValidator()
    samples = [dataset.get_data_info(i) for i in evenly_spaced(len(dataset), limit or len(dataset))]
    what = f"{'images' if look.full else 'image headers'} of {dataset.source}"
    files = [(sample["img_path"],) for sample in samples]
    work, rule = (_look_at_image, DECODED) if look.full else (_look_at_header, HEADER)
    found = look.each(work, files, rule, what)
    kinds = _look_at_kinds(dataset, files, found, look)
    return [_counted(len(samples), len(dataset), what), *kinds]


def _look_at_kinds(
    dataset: ListDataset, files: Sequence[Files], found: Sequence[Found | None], look: FileValidator
) -> list[str]:
    """Return lines on unused bands and add deep images without a range to ``look.deep``."""
    notes, deep = check_kinds(dataset, [names[0] for names in files], found)
    look.deep += deep
    return notes


DECODED, HEADER = "decoded, kind", "header, kind"  # keys that findings are cached under


def _look_at_image(files: Files) -> Found:
    return list(read_image_info(files[0]))


def _look_at_header(files: Files) -> Found:
    return list(read_image_info(files[0], decode=False))


def _look_at_pair(files: Files, rule: object, classes: Sequence[str]) -> Found:
    """Check one image with its mask; return the image information and the mask values."""
    image, path = files
    mask = read_mask(path, rule)
    found = read_image_info(image)
    check_same_size(path, mask.shape, image, found[:2])
    check_mask(mask, classes, path)
    return [*found, *(int(value) for value in np.flatnonzero(np.bincount(mask.ravel())))]


def image_size(path: str, decode: bool = True) -> tuple[int, int]:
    """Return height and width of an image; arguments and errors as in :func:`read_image_info`."""
    return read_image_info(path, decode)[:2]


def evenly_spaced(total: int, limit: int) -> list[int]:
    """Return at most ``limit`` evenly spaced positions, including the first and the last.

    >>> evenly_spaced(9, 3)
    [0, 4, 8]
    """
    if total <= limit:
        return list(range(total))
    return [int(i) for i in np.linspace(0, total - 1, limit).round()]


def _by_path(dataset: ListDataset) -> list[Entry]:
    """Return the images by full path with folder links resolved, so that names are unique."""
    folders: dict[str, str] = {}
    entries = []
    for i in range(len(dataset)):
        folder, name = os.path.split(dataset.get_data_info(i)["img_path"])
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        entries.append((os.path.join(folders[folder], name), None))
    return entries


def _counted(looked: int, total: int, what: str) -> str:
    return f"checked {'all ' if looked == total else f'{looked} evenly spaced of '}{total} {what}"
