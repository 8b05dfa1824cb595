# SPDX-License-Identifier: Apache-2.0
"""Checks of the files of a data set that run before training starts."""

import os
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from rankseg.datasets.file_checks import Files, FileValidator, Found
from rankseg.datasets.format_checks import (
    check_bit_depth_and_bands,
    check_same_reading,
    check_value_range,
)
from rankseg.datasets.splits.splits import Entry, check_duplicates, check_leakage
from rankseg.imageio.image_files import UPRIGHT
from rankseg.imageio.masks import check_mask, check_not_0_and_255, check_same_size, read_mask
from rankseg.imageio.reading import ImageInfo, read_image_info

if TYPE_CHECKING:  # these classes call the checks
    from rankseg.datasets.base import ListDataset
    from rankseg.datasets.image_level import ImageLevelDataset
    from rankseg.datasets.segmentation import SegListDataset
    from rankseg.datasets.semi import SemiDataset

VALIDATION = 50  # validation images that are decoded


def check_data(
    train: "SemiDataset",
    val: "ListDataset | None" = None,
    validator: FileValidator | None = None,
    test: "ListDataset | None" = None,
) -> list[str]:
    """Check every file that training will open.

    Labeled images are decoded and compared with their labels (``check_samples``). For all other
    images only the header and the end of the file are read. An evenly spaced sample of the
    validation list is checked like labeled images. With image-level classes, at most 2,000 images
    per list are checked. With ``validator.full`` every file is decoded. Unless the training set was
    built with ``val=None``, none of its images may be in the validation list.

    Args:
        train: The training set.
        val: The validation set.
        validator: How to check files. By default the check is fast and caches nothing.
        test: The test set; its files are checked only with ``validator.full``.

    Returns:
        Log lines: the files that were checked, and warnings about unusual but valid data.

    Raises:
        ValueError: On the first image or mask that training could not read (with
            ``validator.full``, all of them are named), if a validation image is also a training
            image or listed twice, if classes differ between training and validation, if pipelines
            read images in different ways, or if images have more than 8 bits and no
            ``value_range``.
    """
    validator = validator or FileValidator()
    check_same_reading([one for one in (train.labeled, train.unlabeled, val) if one is not None])
    if val is not None:
        held_out, name = _by_path(val), val.ann_file or val.source
        check_duplicates(held_out, name)
        for part, what in ((train.labeled, "labeled"), (train.unlabeled, "unlabeled")):
            if train.check_val:
                what = f"the {what} list of split '{train.split}'"
                check_leakage(_by_path(part), held_out, what, name)
    limit = None if validator.full else train.labeled.CHECK_LIMIT
    notes = [train.describe(), *train.labeled.check_samples(limit, validator)]
    notes += check_headers(train.unlabeled, limit, validator)
    if val is not None:
        train.labeled.check_validation(train.unlabeled, val, train.test_classes)
        if not validator.full and len(val) > VALIDATION:
            notes += check_headers(val, limit, validator)
        notes += val.check_samples(None if validator.full else VALIDATION, validator)
    if test is not None and validator.full:
        notes += test.check_samples(None, validator)
    validator.finish()
    check_value_range(validator.deep)
    if validator.from_cache:
        notes.append(
            f"{validator.from_cache} of the {validator.checked} files passed an earlier check and "
            "have not changed since. They were not opened (--check full opens all)."
        )
    return notes


def check_same_classes(train: "ImageLevelDataset", val: "ListDataset") -> None:
    """Check that class ids have the same meaning in training and validation.

    Raises:
        ValueError: If they differ.
    """
    if train.classes == val.classes:
        return
    pairs = enumerate(zip_longest(train.classes, val.classes))
    k, names = next((k, names) for k, names in pairs if names[0] != names[1])
    here, there = (f"'{name}'" if name is not None else "none" for name in names)
    cure = (
        "Give the folders the same names, or write all classes, one per line in id order, to "
        "DATA_ROOT/classes.txt."
    )
    if train.coarse != getattr(val, "coarse", None):
        cure = "Give both data sets the same coarse=..."
    raise ValueError(
        f"Expected the same classes in training and validation, but class {k} is {here} in "
        f"{train.source} and {there} in {val.source} ({len(train.classes)} and {len(val.classes)} "
        f"classes). {cure}"
    )


def check_new_classes(
    labeled: "ImageLevelDataset", unlabeled: "ImageLevelDataset", val: "ImageLevelDataset"
) -> None:
    """Check by name that no class of the validation images is used in training.

    Unlabeled images count if their class is known.

    Raises:
        ValueError: If a class is used in both. The message names the first one.
    """
    both = _named_classes(val) & (_named_classes(labeled) | _named_classes(unlabeled))
    if both:
        more = f" (and {len(both) - 1} others)" if len(both) > 1 else ""
        raise ValueError(
            f"Expected classes of {val.source} that are not used in training, as Recall@K measures "
            f"unseen classes, but got '{min(both)}'{more}. Use other classes, or allow this with "
            "train_dataloader.dataset.test_classes='any'."
        )


def _named_classes(dataset: "ImageLevelDataset") -> set[str]:
    """Return the names of the classes that have an image."""
    return {dataset.classes[k] for k in set(dataset.class_ids().tolist()) if k >= 0}


def check_covered(labeled: "ImageLevelDataset") -> None:
    """Check that every class has a labeled image.

    Raises:
        ValueError: If a class has no labeled image. The message names these classes.
    """
    counts = np.bincount(labeled.class_ids(), minlength=len(labeled.classes))
    without = [name for name, count in zip(labeled.classes, counts, strict=True) if not count]
    if not without:
        return
    if len(labeled) < len(labeled.classes):
        found = f"{len(labeled)} images for {len(labeled.classes)} classes"
    else:
        more = f" and {len(without) - 3} others" if len(without) > 3 else ""
        found = f"no image of {', '.join(without[:3])}{more}"
    raise ValueError(
        f"Expected {labeled.source} to have a labeled image of every class, but got {found}. Label "
        "more, or draw a list with `python tools/make_splits.py labels`, which draws the same "
        "number of images from each class."
    )


def check_images(
    dataset: "ImageLevelDataset", limit: int | None = None, validator: FileValidator | None = None
) -> list[str]:
    """Decode images with classes and check the sizes that a test pipeline produces.

    Args:
        dataset: A data set with classes.
        limit: See :func:`check_masks`.
        validator: See :func:`check_masks`.

    Returns:
        Log lines: the number of checked images, their sizes, and classes without an image.

    Raises:
        ValueError: If a file cannot be decoded, or if a test pipeline produces images of different
            sizes. A batch would pad them, and the padding would be pooled with the image.
    """
    picked = evenly_spaced(len(dataset), limit or len(dataset))
    samples = [dataset.get_data_info(i) for i in picked]
    what = f"images of {dataset.source}"
    formats: list[str] = []
    if not dataset.HAS_FILES:
        sizes = [sample["img"].shape[:2] for sample in samples]
    else:
        files = [(sample["img_path"],) for sample in samples]
        validator = validator or FileValidator()
        found = validator.run(_decode_image, files, DECODED, what)
        formats = check_bit_depth_and_bands(dataset, files, found, validator)
        picked = [i for i, one in zip(picked, found, strict=True) if one is not None]
        sizes = [tuple(one[:2]) for one in found if one is not None]
    if not sizes:  # every file is bad
        return []
    ends = [min(sizes), max(sizes)]
    if dataset.test_mode:
        _check_test_sizes(dataset, [picked[sizes.index(size)] for size in ends])
    text = " to ".join(f"{width}x{height}" for height, width in sorted(set(ends)))
    notes = [f"{_counted(len(samples), len(dataset), what)}, {text} pixels", *formats]
    present = set(dataset.class_ids())
    absent = [name for k, name in enumerate(dataset.classes) if k not in present]
    if absent and not dataset.is_part:
        more = f" and {len(absent) - 5} others" if len(absent) > 5 else ""
        notes.append(f"{dataset.source}: no image of {', '.join(absent[:5])}{more}")
    return notes


def _check_test_sizes(dataset: "ImageLevelDataset", picked: Sequence[int]) -> None:
    """Run the pipeline on some samples and check that all outputs have one size."""
    made = [dataset[i] for i in picked]
    sizes = [tuple(sample["inputs"].shape[1:]) for sample in made if "inputs" in sample]
    if len(set(sizes)) > 1:
        names = [dataset.get_data_info(i)["img_path"] for i in picked]
        (first, second) = (f"{width}x{height}" for height, width in sizes)
        raise ValueError(
            f"Expected the pipeline of {dataset.source} to make images of one size, but got "
            f"{first} for {names[0]} and {second} for {names[1]}. Add dict(type='ResizeCenter', "
            "size=...) before PackEval."
        )


def check_masks(
    dataset: "SegListDataset", limit: int | None = None, validator: FileValidator | None = None
) -> list[str]:
    """Decode images and masks and compare sizes and values.

    Args:
        dataset: A data set with masks.
        limit: Maximum number of evenly spaced samples to check. ``None`` checks all.
        validator: How to check files. By default the check is fast and caches nothing.

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
    work = partial(_decode_pair, rule=dataset.label_rule, classes=dataset.classes)
    validator = validator or FileValidator()
    found = validator.run(work, files, rule, what)
    formats = check_bit_depth_and_bands(dataset, files, found, validator)
    good = [one for one in found if one is not None]
    used = sorted({value for one in good for value in one[len(ImageInfo._fields) :]})
    check_not_0_and_255(used, dataset.source)
    notes = [
        _counted(len(samples), len(dataset), what),
        *_exif_notes(good, dataset.source),
        *formats,
    ]
    absent = [name for k, name in enumerate(dataset.classes) if k not in used]
    if absent:
        notes.append(f"{dataset.source}: no pixel of {', '.join(absent)} in the checked masks")
    return notes


def _exif_notes(found: Sequence[Found], source: str) -> list[str]:
    """Warn of images that viewers rotate by EXIF; comparing sizes does not reveal all of them."""
    rotated = sum(one[2] != UPRIGHT for one in found)
    if not rotated:
        return []
    return [
        f"{source}: {rotated} of {len(found)} images have an EXIF orientation, which rankseg "
        "ignores. Their masks must match the pixels as they are stored."
    ]


def check_headers(
    dataset: "ListDataset", limit: int | None = None, validator: FileValidator | None = None
) -> list[str]:
    """Read the header and the end of images without decoding them; see :func:`check_masks`.

    With ``validator.full`` the images are decoded.

    Raises:
        ValueError: If a file is not an image, or a JPEG or PNG is truncated.
    """
    if not dataset.HAS_FILES:  # already read completely when the data set was built
        return []
    validator = validator or FileValidator()
    samples = [dataset.get_data_info(i) for i in evenly_spaced(len(dataset), limit or len(dataset))]
    what = f"{'images' if validator.full else 'image headers'} of {dataset.source}"
    files = [(sample["img_path"],) for sample in samples]
    work, rule = (_decode_image, DECODED) if validator.full else (_read_header, HEADER)
    found = validator.run(work, files, rule, what)
    formats = check_bit_depth_and_bands(dataset, files, found, validator)
    return [_counted(len(samples), len(dataset), what), *formats]


DECODED, HEADER = "decoded, kind", "header, kind"  # keys that findings are cached under


def _decode_image(files: Files) -> Found:
    return list(read_image_info(files[0]))


def _read_header(files: Files) -> Found:
    return list(read_image_info(files[0], decode=False))


def _decode_pair(files: Files, rule: object, classes: Sequence[str]) -> Found:
    """Check one image with its mask; return the image information and the mask values."""
    image, path = files
    mask = read_mask(path, rule)
    found = read_image_info(image)
    check_same_size(path, mask.shape, image, found[:2])
    check_mask(mask, classes, path)
    return [*found, *(int(value) for value in np.flatnonzero(np.bincount(mask.ravel())))]


def evenly_spaced(total: int, limit: int) -> list[int]:
    """Return at most ``limit`` evenly spaced positions, including the first and the last.

    >>> evenly_spaced(9, 3)
    [0, 4, 8]
    """
    if total <= limit:
        return list(range(total))
    return [int(i) for i in np.linspace(0, total - 1, limit).round()]


def _by_path(dataset: "ListDataset") -> list[Entry]:
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
