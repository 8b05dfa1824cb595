# SPDX-License-Identifier: Apache-2.0
"""Pairs of image and mask stacks, and splits of labeled slices."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankseg.datasets.splits.splits import (
    LABELED_FILE,
    UNLABELED_FILE,
    VAL_FILE,
    Entry,
    check_split,
)
from rankseg.errors import FileError
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import ONLY, Planes
from rankseg.projects.stack_masks import BACKGROUND, NONZERO, UNLABELED, MaskRule, check_kind

SPLIT_RULE = "evenly spaced: slice floor((i + u) * slices / labeled), u in [0, 1) from the seed"


class Pair(NamedTuple):
    """Stack of images with the masks of some of its slices.

    Attributes:
        name: ``"train"`` or ``"test"``, which is also its folder.
        images: Stack of images.
        masks: Stack of masks.
        mask_of: Page of the mask by slice, both counted from 0, for labeled slices.
        rule: Rule that selects the foreground pixels of a mask.
    """

    name: str
    images: TiffStack
    masks: TiffStack
    mask_of: dict[int, int]
    rule: MaskRule = NONZERO

    def entry(self, page: int, with_mask: bool = True) -> Entry:
        """Return the file names of a slice, which are numbered from 1."""
        digits = max(3, len(str(len(self.images))))
        file = f"{self.name}/{page + 1:0{digits}}.png"
        return f"images/{file}", f"masks/{file}" if with_mask and page in self.mask_of else None

    def mask(self, page: int) -> np.ndarray:
        """Return ``(H, W)`` bool: the foreground of a labeled slice."""
        return self.rule.read(self.rule.decode(self.masks, self.mask_of[page])).mask


def open_pair(
    name: str,
    images: str | Path,
    masks: str | Path,
    slices: Sequence[int],
    rule: MaskRule = NONZERO,
    planes: Planes = ONLY,
    mask_channel: int | None = None,
) -> Pair:
    """Open two stacks and match their pages.

    Args:
        name: ``"train"`` or ``"test"``.
        images: Stack of images.
        masks: Stack of masks.
        slices: Numbers, from 1, of the labeled slices; empty for all.
        rule: Rule that selects the foreground pixels of a mask.
        planes: Channel, frame and series of the images to read. Masks are read at the same frame
            and series if they have several.
        mask_channel: Channel of the masks.

    Raises:
        FileNotFoundError, FileError: If a stack is missing or damaged, or the stacks do not match.
        ValueError: If ``slices`` has a duplicate, or a number that does not exist.
    """
    image = TiffStack(images, f"{name} stack", planes)
    of_masks = planes._replace(channel=mask_channel, masks=True)
    mask = TiffStack(masks, f"stack of {name} masks", of_masks)
    check_kind(mask, rule)
    if image.shape[:2] != mask.shape[:2]:
        sizes = ["x".join(str(n) for n in stack.shape[1::-1]) for stack in (mask, image)]
        raise FileError(
            f"Expected the pages of {mask.what} {masks} to have the size of those of {images}, "
            f"{sizes[1]} pixels (width x height), but got {sizes[0]}. Check the files."
        )
    if len(set(slices)) != len(slices) or any(not 1 <= n <= len(image) for n in slices):
        raise ValueError(
            f"Expected --labeled-slices to be different numbers from 1 to {len(image)}, the pages "
            f"of {images}, but got {', '.join(map(str, slices))}. Correct them."
        )
    if len(mask) == len(image):
        known = slices or range(1, len(image) + 1)
        return Pair(name, image, mask, {n - 1: n - 1 for n in known}, rule)
    if slices and len(mask) == len(slices):
        return Pair(name, image, mask, {n - 1: i for i, n in enumerate(slices)}, rule)
    given = f" or for each of the {len(slices)} labeled slices" if slices else ""
    cure = "Check the files."
    if not slices:
        cure = "If only some slices have masks, name them: --labeled-slices 1 34 67."
    raise FileError(
        f"Expected {mask.what} {masks} to have a page for each of the {len(image)} pages of "
        f"{images}{given}, but got {len(mask)}. {cure}"
    )


def check_alike(train: Pair, test: Pair) -> None:
    """Check that test images have the same format as training images.

    Raises:
        FileError: If they differ in bits or channels.
    """
    kinds = [(str(p.images.dtype), p.images.shape[2:]) for p in (train, test)]
    if kinds[0] != kinds[1]:
        words = [f"{kind}, {'color' if color else 'gray'}" for kind, color in kinds]
        raise FileError(
            f"Expected both stacks to have one type of images, but {test.images.path} is "
            f"{words[1]}, and {train.images.path} is {words[0]}. Convert one of them."
        )


def even_slices(pages: Sequence[int], count: int, seed: int) -> list[int]:
    """Draw evenly spaced pages, see :data:`SPLIT_RULE`.

    >>> even_slices(range(165), 5, seed=0)
    [21, 54, 87, 120, 153]
    """
    offset = np.random.default_rng(seed).random()
    return [pages[int((i + offset) * len(pages) / count)] for i in range(count)]


def draw_lists(
    pairs: Sequence[Pair],
    labeled: Sequence[int],
    val: int | None,
    seed: int,
    empty: int = 0,
) -> dict[str, list[Entry]]:
    """Draw the splits: lists by file name, in the format of :func:`write_lists`.

    Args:
        pairs: Pairs of stacks, the training pair first.
        labeled: Sizes of the splits; empty for one split of all labeled slices.
        val: Number of validation slices if there is no test stack.
        seed: Random seed of the splits.
        empty: Number of empty masks that are not labels, for messages.

    Raises:
        ValueError: If there are too few slices.
    """
    train, known = pairs[0], sorted(pairs[0].mask_of)
    more = f" {empty} empty masks do not count, see --empty-masks." if empty else ""
    if len(pairs) > 1:
        kept, held_out = [], [pairs[1].entry(i) for i in sorted(pairs[1].mask_of)]
    else:
        count = max(1, max(labeled, default=len(known)) // 5) if val is None else val
        if not 1 <= count < len(known):
            raise ValueError(
                f"Expected slices with a mask for both validation and training, but got {count} of "
                f"{len(known)} for validation. Label more slices, add a test stack (--test-images, "
                f"--test-masks), or change --val.{more}"
            )
        kept = even_slices(known, count, seed)
        held_out = [train.entry(i) for i in kept]
    lists = {VAL_FILE: held_out}
    free = [i for i in known if i not in kept]
    others = [i for i in range(len(train.images)) if i not in kept]
    for count in labeled or [len(free)]:
        most = min(len(free), len(others) - 1)
        if not 1 <= count <= most:
            given = "" if labeled else " (all, as --labeled is not given)"
            raise ValueError(
                f"Expected --labeled to be from 1 to {most}, but got {count}{given}: {len(free)} "
                "slices have a mask and are not used for validation, and at least one of "
                f"{len(others)} must stay unlabeled. Choose another number.{more}"
            )
        drawn = even_slices(free, count, seed)
        name = f"even_{count}_seed{seed}"
        lists[f"{name}/{LABELED_FILE}"] = [train.entry(i) for i in drawn]
        rest = [train.entry(i, with_mask=False) for i in others if i not in drawn]
        lists[f"{name}/{UNLABELED_FILE}"] = rest
        check_split(name, lists[f"{name}/{LABELED_FILE}"], rest, held_out)
    return lists


def declare_empty(
    pair: Pair, share: dict[int, float], slices: Sequence[int], empty_masks: str | None
) -> tuple[Pair, list[int]]:
    """Decide whether empty masks are labels, see :data:`~rankseg.projects.stack_masks.EMPTY_RULE`.

    Args:
        pair: Pair of stacks.
        share: Share of foreground by page.
        slices: Slices that the user named as labeled.
        empty_masks: ``"unlabeled"`` or ``"background"``; ``None`` for the default.

    Returns:
        The pair with its labeled pages, and the pages with empty masks.
    """
    empty = sorted(page for page, value in share.items() if not value)
    if (empty_masks or (BACKGROUND if slices else UNLABELED)) == BACKGROUND:
        return pair, empty
    left = {page: mask for page, mask in pair.mask_of.items() if page not in empty}
    return pair._replace(mask_of=left), empty


def check_shares(train: Pair, share: dict[int, float], lists: dict[str, list[Entry]]) -> None:
    """Check that every split has foreground in a labeled slice.

    Raises:
        FileError: If a split has none.
    """
    share_of = {train.entry(page)[0]: value for page, value in share.items()}
    for name, entries in lists.items():
        if name.endswith(f"/{LABELED_FILE}") and not any(share_of[image] for image, _ in entries):
            raise FileError(
                f"Expected foreground in a labeled slice of split {name.split('/')[0]}, but got "
                "none. Draw other slices with --seed, or more of them with --labeled."
            )
