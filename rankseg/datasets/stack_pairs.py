# SPDX-License-Identifier: Apache-2.0
"""Stacks of images and of their masks: do they fit, which slices are labelled, what is in them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.utils import ProgressBar

from rankseg.datasets.file_error import FileError
from rankseg.datasets.intensity import value_counts
from rankseg.datasets.masks import some
from rankseg.datasets.splits import LABELED_FILE, UNLABELED_FILE, VAL_FILE, Entry, check_split
from rankseg.datasets.tiff import TiffStack

SPLIT_RULE = "evenly spaced: slice floor((i + u) * slices / labelled), u in [0, 1) from the seed"


class Pair(NamedTuple):
    """A stack of images and the masks of some of its slices.

    Attributes:
        name: ``"train"`` or ``"test"``: its folder.
        images: The images.
        masks: The masks.
        mask_of: Page of the mask by slice, both counted from 0, for the slices that have one.
    """

    name: str
    images: TiffStack
    masks: TiffStack
    mask_of: dict[int, int]

    def entry(self, page: int, with_mask: bool = True) -> Entry:
        """Names of the files of a slice, which are numbered from 1."""
        digits = max(3, len(str(len(self.images))))
        file = f"{self.name}/{page + 1:0{digits}}.png"
        return f"images/{file}", f"masks/{file}" if with_mask and page in self.mask_of else None

    def mask(self, page: int, above: int | None) -> np.ndarray:
        """``(H, W)`` bool: the foreground of a slice that has a mask."""
        return self.masks[self.mask_of[page]] > (0 if above is None else above)


def open_pair(name: str, images: str | Path, masks: str | Path, slices: Sequence[int]) -> Pair:
    """Open two stacks and tell which page is the mask of which.

    Raises:
        FileNotFoundError, FileError: If one is missing or damaged, or they do not fit.
        ValueError: If ``slices`` names one twice, or one that is not there.
    """
    image, mask = TiffStack(images, f"{name} stack"), TiffStack(masks, f"stack of {name} masks")
    if len(mask.shape) != 2:
        raise FileError(
            f"{mask.what} {masks} has colours: expected one channel; convert it (in ImageJ: Image "
            "> Type > 8-bit)"
        )
    if image.shape[:2] != mask.shape:
        sizes = ["x".join(str(n) for n in stack.shape[1::-1]) for stack in (mask, image)]
        raise FileError(
            f"{mask.what} {masks} has pages of {sizes[0]} pixels (width x height), {images} of "
            f"{sizes[1]}: they must have one size"
        )
    if len(set(slices)) != len(slices) or any(not 1 <= n <= len(image) for n in slices):
        raise ValueError(
            f"labelled slices {', '.join(map(str, slices))}: expected different numbers from 1 to "
            f"{len(image)}, the pages of {images}"
        )
    if len(mask) == len(image):
        return Pair(name, image, mask, {n - 1: n - 1 for n in slices or range(1, len(image) + 1)})
    if slices and len(mask) == len(slices):
        return Pair(name, image, mask, {n - 1: i for i, n in enumerate(slices)})
    given = f" or for each of the {len(slices)} labelled slices" if slices else ""
    cure = (
        "" if slices else "; if only some slices have masks, name them: --labelled-slices 1 34 67"
    )
    raise FileError(
        f"{mask.what} {masks} has {len(mask)} pages, {images} has {len(image)}: expected a mask "
        f"for each image{given}{cure}"
    )


def check_alike(train: Pair, test: Pair) -> None:
    """Check that test images are of the kind of the training images.

    Raises:
        FileError: If they differ in bits or channels.
    """
    kinds = [(str(p.images.dtype), p.images.shape[2:]) for p in (train, test)]
    if kinds[0] != kinds[1]:
        words = [f"{kind}, {'colour' if colour else 'grey'}" for kind, colour in kinds]
        raise FileError(
            f"{test.images.path} is {words[1]}, {train.images.path} is {words[0]}: expected images "
            "of one kind; convert one of them"
        )


def even_slices(pages: Sequence[int], count: int, seed: int) -> list[int]:
    """Draw evenly spaced pages, see :data:`SPLIT_RULE`.

    >>> even_slices(range(165), 5, seed=0)
    [21, 54, 87, 120, 153]
    """
    offset = np.random.default_rng(seed).random()
    return [pages[int((i + offset) * len(pages) / count)] for i in range(count)]


def draw_lists(
    pairs: Sequence[Pair], labelled: Sequence[int], val: int | None, seed: int
) -> dict[str, list[Entry]]:
    """Draw the splits: lists by file name, as :func:`write_lists` takes them.

    Raises:
        ValueError: If there are too few slices.
    """
    train, known = pairs[0], sorted(pairs[0].mask_of)
    if len(pairs) > 1:
        kept, held_out = [], [pairs[1].entry(i) for i in range(len(pairs[1].images))]
    else:
        count = max(1, max(labelled, default=len(known)) // 5) if val is None else val
        if not 1 <= count < len(known):
            raise ValueError(
                f"{count} of the {len(known)} slices with a mask for validation: expected at least "
                "one and one left for training; label more slices, give a test stack "
                "(--test-images, --test-masks), or change --val"
            )
        kept = even_slices(known, count, seed)
        held_out = [train.entry(i) for i in kept]
    lists = {VAL_FILE: held_out}
    free = [i for i in known if i not in kept]
    others = [i for i in range(len(train.images)) if i not in kept]
    for count in labelled or [len(free)]:
        most = min(len(free), len(others) - 1)
        if not 1 <= count <= most:
            given = "" if labelled else " (all, as --labelled is not given)"
            raise ValueError(
                f"--labelled {count}{given}: expected from 1 to {most}: {len(free)} slices have a "
                f"mask and are not kept for validation, and at least one of {len(others)} must "
                "stay unlabelled"
            )
        drawn = even_slices(free, count, seed)
        name = f"even_{count}_seed{seed}"
        lists[f"{name}/{LABELED_FILE}"] = [train.entry(i) for i in drawn]
        rest = [train.entry(i, with_mask=False) for i in others if i not in drawn]
        lists[f"{name}/{UNLABELED_FILE}"] = rest
        check_split(name, lists[f"{name}/{LABELED_FILE}"], rest, held_out)
    return lists


def look_at_masks(pair: Pair, above: int | None) -> dict[int, float]:
    """Share of foreground, 0 to 1, by slice that has a mask.

    Raises:
        FileError: If all masks together hold one value only, or more than two without ``above``.
    """
    print(f"looking at {pair.masks.path}")
    bar = ProgressBar(len(pair.mask_of), file=sys.stdout)
    total, share = 0, {}
    lowest = np.iinfo(pair.masks.dtype).min
    for page, mask_page in sorted(pair.mask_of.items()):
        counts = value_counts([pair.masks[mask_page]], pair.masks.dtype)
        total = total + counts
        first = max(0, (0 if above is None else above) + 1 - lowest)
        share[page] = float(counts[first:].sum() / counts.sum())
        bar.update()
    print()
    values = np.flatnonzero(total) + lowest
    name = f"{pair.masks.what} {pair.masks.path}"
    if above is None and (len(values) > 2 or values[0] < 0 or (len(values) == 2 and values[0])):
        raise FileError(
            f"{name} holds the values {some(values)}: expected 0 for background and one other "
            "value; with --above N every value above N is foreground (--above 0 for numbered "
            "objects, --above 127 for soft edges)"
        )
    if not 0 < sum(share.values()) < len(share):
        what = "foreground" if any(share.values()) else "background"
        raise FileError(
            f"{name}: all pixels of its {len(share)} masks are {what} (values {some(values)}): "
            "expected both; look whether it is the right file"
        )
    return share


def check_shares(train: Pair, share: dict[int, float], lists: dict[str, list[Entry]]) -> None:
    """Check that every split has foreground in a labelled slice.

    Raises:
        FileError: If one has not.
    """
    share_of = {train.entry(page)[0]: value for page, value in share.items()}
    for name, entries in lists.items():
        if name.endswith(f"/{LABELED_FILE}") and not any(share_of[image] for image, _ in entries):
            raise FileError(
                f"no labelled slice of split {name.split('/')[0]} has foreground: draw others with "
                "--seed, or more of them with --labelled"
            )
