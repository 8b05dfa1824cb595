# SPDX-License-Identifier: Apache-2.0
"""Look at the files of a data set before training, so that a bad one is found in seconds."""

import os
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest

import numpy as np

from rankseg.datasets.base import ListDataset, SegListDataset
from rankseg.datasets.file_checks import Files, Found, Look
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
from rankseg.imageio.reading import ImageInfo, look_at

LOOKED_AT = 2000  # images of a set with classes: it may have a million
VALIDATION = 50  # images of a validation set that are decoded


def check_data(
    train: SemiDataset,
    val: ListDataset | None = None,
    look: Look | None = None,
    test: ListDataset | None = None,
) -> list[str]:
    """Check everything that training will open.

    Labelled images are decoded and compared with their labels (:func:`check_labeled`), of all
    others the header and the end are read, and of the validation list a spread sample is checked
    like labelled images. Where labels are classes of images, at most 2,000 of each list are looked
    at. With ``look.full`` every file is decoded. Unless the training set was built with
    ``val=None``, no image of it may be in the validation list.

    Args:
        train: The training set.
        val: The validation set.
        look: How to look; by default fast, and nothing is remembered.
        test: A test set, of which files are looked at with ``look.full`` alone.

    Returns:
        Lines for the log: what was looked at, and what is odd without being wrong.

    Raises:
        ValueError: On the first image or mask that training would trip over (with ``look.full``:
            naming all of them), a validation image that is trained on or listed twice, or classes
            that differ between training and validation, pipelines that read images in two ways,
            or images of more than 8 bits without a ``value_range``.
    """
    look = look or Look()
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
    """Check that training and validation mean the same by a class id.

    Raises:
        ValueError: If they do not.
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
    """Check that no class of the validation images is trained on, by the names of the classes.

    Of unlabelled images those count whose class is known.

    Raises:
        ValueError: Naming the first class that is.
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
    """Names of the classes that have an image."""
    return {dataset.classes[k] for k in set(dataset.class_ids().tolist()) if k >= 0}


def check_labeled(
    dataset: ListDataset, limit: int | None = None, look: Look | None = None
) -> list[str]:
    """Check images with their labels: :func:`check_masks` or :func:`check_images`, as it suits."""
    check = check_masks if isinstance(dataset, SegListDataset) else check_images
    return check(dataset, limit, look)


def check_images(
    dataset: ImageLevelDataset, limit: int | None = None, look: Look | None = None
) -> list[str]:
    """Decode images with classes, and see what the pipeline of a test set makes of their sizes.

    Args:
        dataset: A data set with classes.
        limit: See :func:`check_masks`.
        look: See :func:`check_masks`.

    Returns:
        Lines for the log: how many were looked at, their sizes, and classes without an image.

    Raises:
        ValueError: If a file does not decode, or the images that a test pipeline makes differ in
            size: in a batch they would be padded, and the padding pooled with the image.
    """
    picked = spread(len(dataset), limit or len(dataset))
    samples = [dataset.get_data_info(i) for i in picked]
    what = f"images of {dataset.source}"
    kinds: list[str] = []
    if isinstance(dataset, ArrayDataset):
        sizes = [sample["img"].shape[:2] for sample in samples]
    else:
        files = [(sample["img_path"],) for sample in samples]
        look = look or Look()
        found = look.each(_look_at_image, files, DECODED, what)
        kinds = _look_at_kinds(dataset, files, found, look)
        picked = [i for i, one in zip(picked, found, strict=True) if one is not None]
        sizes = [tuple(one[:2]) for one in found if one is not None]
    if not sizes:  # all of them are bad
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


def check_masks(
    dataset: SegListDataset, limit: int | None = None, look: Look | None = None
) -> list[str]:
    """Decode images and masks, and compare sizes and values.

    Args:
        dataset: A data set with masks.
        limit: Above this number of samples, that many evenly spaced ones are looked at. ``None``
            looks at all.
        look: How to look; by default fast, and nothing is remembered.

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
    files = [(sample["img_path"], sample["seg_map_path"]) for sample in samples]
    rule = f"mask, kind {dataset.label_rule!r} {len(dataset.classes)}"
    work = partial(_look_at_pair, rule=dataset.label_rule, classes=dataset.classes)
    look = look or Look()
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
    """A note on images that viewers turn and training does not: sizes alone do not tell on all."""
    turned = sum(one[2] != UPRIGHT for one in found)
    if not turned:
        return []
    return [
        f"{source}: {turned} of {len(found)} images carry an EXIF orientation, which is not "
        "followed: their masks must be drawn on the pixels as they are stored"
    ]


def check_headers(
    dataset: ListDataset, limit: int | None = None, look: Look | None = None
) -> list[str]:
    """Read header and end of images without decoding them; see :func:`check_masks`.

    With ``look.full`` they are decoded.

    Raises:
        ValueError: If a file is no image, or a JPEG or PNG is cut off.
    """
    if isinstance(dataset, ArrayDataset):  # read as a whole when the data set was built
        return []
    look = look or Look()
    samples = [dataset.get_data_info(i) for i in spread(len(dataset), limit or len(dataset))]
    what = f"{'images' if look.full else 'image headers'} of {dataset.source}"
    files = [(sample["img_path"],) for sample in samples]
    work, rule = (_look_at_image, DECODED) if look.full else (_look_at_header, HEADER)
    found = look.each(work, files, rule, what)
    kinds = _look_at_kinds(dataset, files, found, look)
    return [_counted(len(samples), len(dataset), what), *kinds]


def _look_at_kinds(
    dataset: ListDataset, files: Sequence[Files], found: Sequence[Found | None], look: Look
) -> list[str]:
    """Lines on bands that are not used; deep images without a range are noted in ``look.deep``."""
    notes, deep = check_kinds(dataset, [names[0] for names in files], found)
    look.deep += deep
    return notes


DECODED, HEADER = "decoded, kind", "header, kind"  # what findings are remembered as


def _look_at_image(files: Files) -> Found:
    return list(look_at(files[0]))


def _look_at_header(files: Files) -> Found:
    return list(look_at(files[0], decode=False))


def _look_at_pair(files: Files, rule: object, classes: Sequence[str]) -> Found:
    """Check one image with its mask; what the image is, and the values of the mask."""
    image, path = files
    mask = read_mask(path, rule)
    found = look_at(image)
    check_same_size(path, mask.shape, image, found[:2])
    check_mask(mask, classes, path)
    return [*found, *(int(value) for value in np.flatnonzero(np.bincount(mask.ravel())))]


def image_size(path: str, decode: bool = True) -> tuple[int, int]:
    """Height and width of an image; arguments and errors as :func:`look_at`."""
    return look_at(path, decode)[:2]


def spread(total: int, limit: int) -> list[int]:
    """At most ``limit`` evenly spaced positions, the first and the last among them.

    >>> spread(9, 3)
    [0, 4, 8]
    """
    if total <= limit:
        return list(range(total))
    return [int(i) for i in np.linspace(0, total - 1, limit).round()]


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


def _counted(looked: int, total: int, what: str) -> str:
    return f"checked {'all ' if looked == total else f'{looked} evenly spaced of '}{total} {what}"
