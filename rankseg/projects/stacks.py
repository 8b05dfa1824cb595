# SPDX-License-Identifier: Apache-2.0
"""Conversion of TIFF stacks with one structure, such as mitochondria, to a training folder.

The file ``stacks.json`` in that folder records the sources, the drawn slices and how gray values
were scaled.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np

from rankseg.datasets.class_names import CLASSES_FILE, STACK_NOTES, check_names
from rankseg.datasets.splits.split_files import write_lists
from rankseg.datasets.splits.splits import LABELED_FILE, VAL_FILE, Entry
from rankseg.errors import FileError
from rankseg.imageio.bands import describe_bands
from rankseg.imageio.intensity import RULE, percentile_range, to_8_bits, value_counts
from rankseg.imageio.shrinking import check_shrink, object_width, shrink_image, shrink_mask
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import ONLY, Planes
from rankseg.projects.messages import list_names
from rankseg.projects.stack_masks import MaskRule, StackMaskStats, inspect_masks
from rankseg.projects.stack_pairs import (
    SPLIT_RULE,
    Pair,
    check_alike,
    check_shares,
    declare_empty,
    draw_lists,
    even_slices,
    open_pair,
)
from rankseg.utils.atomic_file import WriteError, describe, write_json
from rankseg.utils.progress import track

PARTIAL_FOLDER = ".partial"
CLASSES = ("background", "mitochondrion")
NUM_MEASURED = 20  # masks used to measure the width of objects


def convert_stacks(
    out: str | Path,
    images: str | Path,
    masks: str | Path,
    *,
    test_images: str | Path | None = None,
    test_masks: str | Path | None = None,
    labeled: Sequence[int] = (),
    slices: Sequence[int] = (),
    val: int | None = None,
    seed: int = 0,
    above: int | None = None,
    color: tuple[int, int, int] | None = None,
    empty_masks: str | None = None,
    planes: Planes = ONLY,
    mask_channel: int | None = None,
    shrink: float = 1.0,
    classes: Sequence[str] = CLASSES,
    overwrite: bool = False,
) -> dict:
    """Write the pages of stacks as PNG files in the layout of ``FolderDataset``, with splits.

    Masks become 0 and 1. 16-bit images become 8-bit by one rule for all pages
    (:data:`rankseg.imageio.intensity.RULE`), which is computed from the training stack and also
    applied to the test stack. A split ``even_N_seedS`` has N labeled slices, drawn by
    :data:`rankseg.projects.stack_pairs.SPLIT_RULE`; all other slices of the training stack are
    unlabeled. Validation uses the test stack. Without a test stack, it uses labeled slices that are
    held out from all splits.

    Args:
        out: Output folder; nothing is written elsewhere. It has no splits until it is complete.
        images: Stack of training images.
        masks: Stack of their masks, one page per image, or one page per entry of ``slices``.
        test_images: Stack of test images.
        test_masks: Stack of their masks, one page per image.
        labeled: Sizes of the splits to draw. Default: all slices that have a mask.
        slices: Numbers, from 1, of the labeled slices, if not all are labeled.
        val: Number of validation slices if there is no test stack. Default: a fifth of the largest
            split (of the slices with a mask), at least one.
        seed: Random seed of the splits.
        above: Values above this are foreground. Default: masks hold 0 and one other value, which is
            foreground.
        color: Red, green and blue of the foreground marks, for masks that are colored marks on gray
            images, see :func:`rankseg.imageio.marks.read_marks`.
        empty_masks: Meaning of masks without foreground: ``"unlabeled"``, or ``"background"``,
            which is the default for slices listed in ``slices``.
        planes: Channel, frame and series of the images to read.
        mask_channel: Channel of the masks to read.
        shrink: Factor by which the width and height of both stacks are reduced, if pixels are finer
            than the network needs. Images are averaged, masks use the majority.
        classes: Two class names.
        overwrite: Replace the files of an earlier conversion.

    Returns:
        Content of ``stacks.json``.

    Raises:
        FileNotFoundError, FileError: If a stack is missing or damaged, or masks do not match.
        ValueError: If options are inconsistent, or the folder contains other files.
        WriteError: If the folder cannot be written.
    """
    out = Path(out)
    check_names(classes, "--classes")
    check_output(out, overwrite)
    if above is not None and color is not None:
        raise ValueError(
            "Expected either --above, for gray masks, or --color, for colored ones, but got both. "
            "Leave one out."
        )
    how = (MaskRule(above, color), planes, mask_channel)
    pairs = [open_pair("train", images, masks, slices, *how)]
    if test_images or test_masks:
        if not (test_images and test_masks):
            raise ValueError(
                "Expected both --test-images and --test-masks for a test stack, but got one. Add "
                "the other."
            )
        pairs.append(open_pair("test", test_images, test_masks, (), *how))
        check_alike(*pairs)
    for pair in pairs:
        check_shrink(shrink, pair.images.shape, f"a page of {pair.images.path}")
    stats = [inspect_masks(pair.masks, pair.mask_of, pair.rule) for pair in pairs]
    declared = [
        declare_empty(pair, one.share, slices if pair is pairs[0] else (), empty_masks)
        for pair, one in zip(pairs, stats, strict=True)
    ]
    pairs = [pair for pair, _ in declared]
    lost = len(stats[0].share) - len(pairs[0].mask_of)
    lists = draw_lists(pairs, labeled, val, seed, lost)
    check_shares(pairs[0], stats[0].share, lists)
    with partial_folder(out) as folder:
        notes = describe_stacks(declared, stats, seed, lists, out)
        notes["empty_masks"] = empty_masks
        notes["labeled_slices_named"] = bool(slices)
        value_range = stack_range(pairs[0].images)
        notes["value_range"] = value_range
        notes["scaling"] = RULE if value_range else "none: 8 bits as they are"
        notes["bands"] = describe_bands(
            [(pair.images.bands, pair.images.alpha is not None) for pair in pairs],
            None,
            "a file of these bands",
        )
        notes["classes"] = list(classes)
        notes["shrink"] = shrink
        notes["object_width"] = width_of_objects(pairs[0], shrink)
        for pair in pairs:
            write_pages(pair, folder, value_range, shrink)
        (folder / CLASSES_FILE).write_text("".join(f"{name}\n" for name in classes), "utf-8")
        write_json(folder / STACK_NOTES, notes)
        write_lists(folder / "splits", lists)
        publish(folder, out)
    return notes


def check_output(out: Path, overwrite: bool) -> None:
    """Check that the output folder can be used.

    Raises:
        ValueError: If it has files and may not be overwritten, or has files of another origin.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(
            f"Expected {out} to be an output folder, but it is a file. Choose another with --out."
        )
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    found = [name for name in found if name != PARTIAL_FOLDER]
    if found and not overwrite:
        raise ValueError(
            f"Expected output folder {out} to be empty, but it holds {list_names(found)}. Choose "
            "another folder with --out, or replace an earlier conversion with --overwrite."
        )
    if found and STACK_NOTES not in found:
        raise ValueError(
            f"Expected output folder {out} to be that of an earlier conversion, but it holds "
            f"{list_names(found)} and no {STACK_NOTES}. Choose another folder with --out."
        )


def stack_range(stack: TiffStack) -> tuple[int, int] | None:
    """Return the values that become 0 and 255; None for an 8-bit stack, which is not scaled.

    Raises:
        FileError: If all its pixels have the same value.
    """
    if not stack.deep:
        return None
    numbers = track(range(len(stack)), f"measuring gray values of {stack.path}")
    pages = (stack.image(number) for number in numbers)
    try:
        return percentile_range(value_counts(pages))
    except ValueError as error:
        raise FileError(f"{stack.what} {stack.path}: {error}") from error


def width_of_objects(pair: Pair, shrink: float) -> float | None:
    """Return the width of objects in pixels of the written pages, measured on some of the masks."""
    known = sorted(pair.mask_of)
    some = even_slices(known, min(NUM_MEASURED, len(known)), seed=0)
    width = object_width(pair.mask(page) for page in some)
    return None if width is None else round(width / shrink, 1)


def write_pages(
    pair: Pair,
    folder: Path,
    value_range: tuple[int, int] | None,
    shrink: float,
) -> None:
    """Write images and masks as PNG files, with a progress bar."""
    for kind in ("images", "masks"):
        (folder / kind / pair.name).mkdir(parents=True)
    for page in track(range(len(pair.images)), f"writing slices of {pair.images.path}"):
        image_file, mask_file = pair.entry(page)
        image = pair.images.image(page)
        image = image if value_range is None else to_8_bits(image, value_range)
        save_png(folder / image_file, shrink_image(image, shrink))
        if mask_file:
            mask = shrink_mask(pair.mask(page), shrink)
            save_png(folder / mask_file, mask.astype(np.uint8))


def save_png(path: Path, pixels: np.ndarray) -> None:
    """Write ``(H, W)`` or ``(H, W, 3)`` RGB uint8 as PNG."""
    path.write_bytes(cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1])


def describe_stacks(
    declared: Sequence[tuple[Pair, list[int]]],
    stats: Sequence[StackMaskStats],
    seed: int,
    lists: dict[str, list[Entry]],
    out: Path,
) -> dict:
    """Describe a conversion, for ``stacks.json`` and for the user.

    Args:
        declared: Pairs of stacks and their pages with empty masks, from ``declare_empty``.
        stats: Content of the masks.
        seed: Random seed of the splits.
        lists: The splits.
        out: Output folder.
    """
    stacks = []
    for (pair, empty), found in zip(declared, stats, strict=True):
        share = [found.share[page] for page in pair.mask_of]
        stacks.append(
            {
                "part": pair.name,
                "images": str(pair.images.path),
                "masks": str(pair.masks.path),
                "chosen": list(pair.images.chosen),
                "chosen_of_masks": list(pair.masks.chosen),
                "axes": pair.images.scale.axes,
                "pages": len(pair.images),
                "height": pair.images.shape[0],
                "width": pair.images.shape[1],
                "dtype": str(pair.images.dtype),
                "masks_looked_at": len(found.share),
                "with_mask": len(share),
                "foreground": round(100 * sum(share) / len(share), 2),
                "without_foreground": [page + 1 for page in empty],
                "outlines": list(found.marks),
                "outlines_not_closed": [page + 1 for page in found.open],
            }
        )
    splits = {
        name.split("/")[0]: [image for image, _ in entries]
        for name, entries in lists.items()
        if name.endswith(f"/{LABELED_FILE}")
    }
    rule = declared[0][0].rule
    return {
        "folder": str(out),
        "stacks": stacks,
        "channel": declared[0][0].images.channel,
        "foreground_above": rule.above or 0,
        "foreground_color": None if rule.color is None else f"#{bytes(rule.color).hex()}",
        "split_rule": SPLIT_RULE,
        "seed": seed,
        "labeled": splits,
        "validation": [image for image, _ in lists[VAL_FILE]],
    }


@contextmanager
def partial_folder(out: Path) -> Iterator[Path]:
    """Create a temporary folder inside the output folder; it is removed after a failure.

    Raises:
        WriteError: If it cannot be written.
    """
    folder, new = out / PARTIAL_FOLDER, not out.exists()
    try:
        shutil.rmtree(folder, ignore_errors=True)  # left by a conversion that was killed
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError) and not error.filename:
            raise  # already a message about a stack
        raise WriteError(describe(Path(error.filename or folder), error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if new:
            with suppress(OSError):
                out.rmdir()  # only succeeds if it is empty


def publish(folder: Path, out: Path) -> None:
    """Move the written files to their place; splits come last, since training needs them."""
    order = (STACK_NOTES, "images", "masks", CLASSES_FILE, "splits")
    for name in reversed(order[1:]):
        old = out / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for name in order:
        os.replace(folder / name, out / name)
