# SPDX-License-Identifier: Apache-2.0
"""Random labeled/unlabeled splits in which every class has a labeled image."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from rankseg.datasets.splits.splits import Entry
from rankseg.imageio.masks import IGNORE, LabelRule, check_not_0_and_255, check_values, read_mask


def count_pixels(
    data_root: str | Path, entries: Sequence[Entry], rule: LabelRule = None
) -> np.ndarray:
    """Count the pixels of every label in every mask.

    Returns:
        ``(N, 256)`` int64, one row per entry; rows of entries without a mask are zero.
    """

    def count(entry: Entry) -> np.ndarray:
        if entry[1] is None:
            return np.zeros(256, dtype=np.int64)
        return np.bincount(read_mask(Path(data_root) / entry[1], rule).ravel(), minlength=256)

    with ThreadPoolExecutor(max_workers=4) as pool:
        return np.stack(list(pool.map(count, entries)))


def split_size(size: float, total: int) -> int:
    """Return the number of labeled images: a whole number unchanged, a share below 1 rounded up.

    Raises:
        ValueError: If one of the two lists would be empty.
    """
    count = int(size) if size >= 1 else math.ceil(size * total - 1e-9)
    if not 0 < count < total or (size >= 1 and size != count):
        raise ValueError(
            f"Expected size to give 1 to {total - 1} of {total} images, but got {count} from "
            f"{size}. Use a share below 1 or a whole number."
        )
    return count


def draw_covering(present: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw images that together contain every class.

    The draw is uniform among those that cover all classes, if one of 200 attempts does. Otherwise
    the images that add most classes are taken first and the rest is drawn at random.

    Args:
        present: ``(N, K)`` bool, whether an image contains a class.
        count: Number of images to draw.
        rng: Random number generator.

    Returns:
        ``(count,)`` sorted positions.

    Raises:
        ValueError: If ``count`` images cannot contain all classes.
    """
    present = present[:, present.any(axis=0)]
    for _ in range(200):
        chosen = rng.permutation(len(present))[:count]
        if present[chosen].any(axis=0).all():
            return np.sort(chosen)
    chosen = _cover(present, rng.permutation(len(present)))
    if len(chosen) > count:
        raise ValueError(
            f"Expected enough labeled images to cover all {present.shape[1]} classes, but got "
            f"{count}. Draw at least {len(chosen)}, or allow missing classes (--any-classes)."
        )
    rest = rng.permutation(np.setdiff1d(np.arange(len(present)), chosen))
    return np.sort(np.concatenate([chosen, rest[: count - len(chosen)]]))


def _cover(present: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Greedily take the image that adds most classes, ties in ``order``, until all are covered."""
    chosen: list[int] = []
    missing = np.ones(present.shape[1], dtype=bool)
    while missing.any():
        gain = (present[order] & missing).sum(axis=1)
        chosen.append(int(order[gain.argmax()]))
        missing &= ~present[chosen[-1]]
    return np.array(chosen, dtype=np.int64)


def make_split(
    entries: Sequence[Entry],
    size: float,
    seed: int,
    pixels: np.ndarray | None = None,
) -> tuple[list[Entry], list[Entry]]:
    """Draw a split; both lists keep the order of ``entries``.

    Args:
        entries: The images; only those with a mask can become labeled.
        size: Number of labeled images, or a share below 1 of all entries (rounded up, as in the
            common lists: 1/16 of 10,582 is 662).
        seed: Random seed; the same seed gives the same split.
        pixels: ``(N, 256)`` counts of :func:`count_pixels`; every class found there is then among
            the labeled images. ``None`` ignores classes.

    Returns:
        Labeled and unlabeled entries.

    Raises:
        ValueError: If the size does not fit, or so few images cannot contain all classes.
    """
    count = split_size(size, len(entries))
    masked = np.array([i for i, (_, mask) in enumerate(entries) if mask is not None], dtype=int)
    if count > len(masked):
        raise ValueError(
            f"Expected {count} images with a mask to label, but got {len(masked)}. Draw fewer."
        )
    rng = np.random.default_rng(seed)
    if pixels is None:
        chosen = rng.permutation(len(masked))[:count]
    else:
        chosen = draw_covering(pixels[masked][:, :IGNORE] > 0, count, rng)
    return _part(entries, masked[chosen])


def cut_validation(
    entries: Sequence[Entry], count: int, seed: int, pixels: np.ndarray
) -> tuple[list[Entry], list[Entry]]:
    """Hold out a validation list.

    Out of 200 draws, keep the one that leaves most classes in the rest and, among ties, contains
    most classes itself. A class with a single image therefore stays in the training images.

    Args:
        entries: The images; only those with a mask are drawn.
        count: Number of images to hold out.
        seed: Random seed; the same seed gives the same list.
        pixels: ``(N, 256)`` counts of :func:`count_pixels`.

    Returns:
        Validation entries and the rest, both in the order of ``entries``.

    Raises:
        ValueError: If too few images have a mask.
    """
    masked = np.array([i for i, (_, mask) in enumerate(entries) if mask is not None], dtype=int)
    if not 0 < count < len(masked):
        raise ValueError(
            f"Expected 1 to {len(masked) - 1} validation images, as {len(masked)} images have a "
            f"mask, but got {count}."
        )
    rng = np.random.default_rng(seed)
    present = pixels[masked, :IGNORE] > 0
    draws = (rng.permutation(len(masked)) for _ in range(200))
    order = max(
        draws,
        key=lambda order: (
            present[order[count:]].any(axis=0).sum(),
            present[order[:count]].any(axis=0).sum(),
        ),
    )
    return _part(entries, masked[order[:count]])


def draw_balanced(
    labels: np.ndarray, classes: Sequence[str], size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw the same number of images from every class.

    Args:
        labels: ``(N,)`` class ids; images of unknown class, -1, are not drawn.
        classes: Names in id order.
        size: Number of images to draw, a multiple of the number of classes.
        rng: Random number generator.

    Returns:
        ``(size,)`` sorted positions.

    Raises:
        ValueError: If the size is not such a multiple, or a class has too few images.
    """
    number, each = len(classes), size // len(classes)
    if size < number:
        raise ValueError(
            f"Expected size to be at least {number}, one labeled image of each class, but got "
            f"{size}."
        )
    if size % number:
        near = sorted([each * number, (each + 1) * number], key=lambda other: abs(other - size))
        raise ValueError(
            f"Expected size to be a multiple of the {number} classes, but got {size}. Use "
            f"{near[0]} or {near[1]}."
        )
    drawn = []
    for k, name in enumerate(classes):
        members = np.flatnonzero(labels == k)
        if len(members) < each:
            cure = f"Use --size {number * len(members)} at most."
            raise ValueError(
                f"Expected {each} images of every class for size {size}, but class '{name}' has "
                f"{len(members)}. {cure if members.size else 'Add images, or remove its folder.'}"
            )
        drawn.append(rng.permutation(members)[:each])
    return np.sort(np.concatenate(drawn))


def hold_out(
    labels: np.ndarray,
    chosen: np.ndarray,
    classes: Sequence[str],
    share: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a share of the labeled images for validation, stratified by class.

    Args:
        labels: ``(N,)`` class ids.
        chosen: ``(L,)`` positions of the labeled images.
        classes: Names in id order.
        share: Share in ``[0, 1)``; unless 0, at least one image of every class is held out.
        rng: Random number generator.

    Returns:
        Sorted positions that stay labeled, and sorted positions for validation.

    Raises:
        ValueError: If the share is out of range, or a class has no labeled image before or after
            the cut.
    """
    if not 0 <= share < 1:
        raise ValueError(
            f"Expected --val-share to be 0 (none) or a share below 1, but got {share}."
        )
    held = []
    for k, name in enumerate(classes):
        members = chosen[labels[chosen] == k]
        if not len(members):
            raise ValueError(
                f"Expected a labeled image of every class, but got none of class '{name}'. Label "
                "one, or remove the class."
            )
        count = max(1, round(share * len(members))) if share else 0
        if count >= len(members):
            raise ValueError(
                f"Expected labeled images of class '{name}' to remain, but --val-share {share} "
                f"takes all {len(members)}. Label more, or keep none for validation (--val-share "
                "0)."
            )
        held.append(rng.permutation(members)[:count])
    val = np.sort(np.concatenate(held))
    return np.setdiff1d(chosen, val), val


def label_table(parts: Mapping[str, np.ndarray], classes: Sequence[str], rows: int = 20) -> str:
    """Format a table of the number of images per class in each list.

    Args:
        parts: ``(n,)`` class ids for each list name; unknown classes, -1, get a row.
        classes: Names in id order.
        rows: Maximum number of classes to show.
    """
    counts = {name: np.bincount(ids + 1, minlength=len(classes) + 1) for name, ids in parts.items()}
    lines = [(name, k + 1) for k, name in enumerate(classes[:rows])]
    lines += [("(unknown)", 0)] * any(count[0] for count in counts.values())
    width = max(len(name) for name, _ in [("class", 0), *lines])
    text = [f"{'class':<{width}}" + "".join(f"  {name:>10}" for name in parts)]
    for name, k in lines:
        text.append(f"{name:<{width}}" + "".join(f"  {count[k]:>10}" for count in counts.values()))
    if len(classes) > rows:
        text.append(f"... and {len(classes) - rows} more classes")
    return "\n".join(text)


def _part(entries: Sequence[Entry], chosen: np.ndarray) -> tuple[list[Entry], list[Entry]]:
    """Split the entries into the chosen positions and the rest."""
    picked = {int(i) for i in chosen}
    parts: tuple[list[Entry], list[Entry]] = ([], [])
    for i, entry in enumerate(entries):
        parts[i not in picked].append(entry)
    return parts


def check_classes(
    pixels: np.ndarray, entries: Sequence[Entry], classes: Sequence[str] | None, source: str
) -> None:
    """Check that the masks hold only classes and 255.

    Args:
        pixels: ``(N, 256)`` counts of :func:`count_pixels`.
        entries: The ``N`` samples.
        classes: Names in id order; if None, any value is a class.
        source: Source of the samples, for the message.

    Raises:
        ValueError: If a value is not a class, or all values are 0 and 255.
    """
    check_not_0_and_255(np.flatnonzero(pixels.sum(axis=0)), source)
    if classes:
        for (_, mask), row in zip(entries, pixels, strict=True):
            check_values(np.flatnonzero(row), classes, str(mask))


def class_table(
    pixels: np.ndarray, labeled: Sequence[bool], classes: Sequence[str] | None = None
) -> str:
    """Format a table of pixel share and number of images per class.

    Args:
        pixels: ``(N, 256)`` counts of :func:`count_pixels`.
        labeled: ``(N,)`` bool, whether an image is in the labeled list.
        classes: Names by class id; if None, only ids are shown.
    """
    total = max(1, int(pixels.sum()))
    chosen = np.asarray(labeled, dtype=bool)
    last = max([k for k in range(IGNORE) if pixels[:, k].any()], default=0)
    names = list(classes) if classes else [str(k) for k in range(last + 1)]
    ids = [*range(max(len(names), last + 1)), IGNORE]
    names += [f"no class: {k}" for k in range(len(names), last + 1)] + ["(ignore)"]
    width = max(len("class"), *(len(name) for name in names))
    lines = [f"{'class':<{width}}  pixels %  images  labeled images"]
    for k, name in zip(ids, names, strict=True):
        column = pixels[:, k]
        held = column > 0
        lines.append(
            f"{name:<{width}}  {100 * column.sum() / total:8.2f}  {held.sum():6d}  "
            f"{(held & chosen).sum():14d}"
        )
    return "\n".join(lines)
