# SPDX-License-Identifier: Apache-2.0
"""Mapping of mask numbers to classes, derived from the numbers alone."""

from collections.abc import Sequence

from rankseg.imageio.masks import IGNORE, some

STEP = 10  # numbers that include 255 and are at least this far apart are gray levels, not ids

Named = tuple[dict[int, int], tuple[str, ...], tuple[str, ...]]
"""Class by number, default names, notes."""


def name_numbers(found: Sequence[int], classes: int | None = None) -> Named:
    """Map numbers to classes.

    Ids from 0 on are kept; with ``classes`` even if some ids are unused. A 255 next to them means
    ignore. Masks of only 0 and 255 are background and foreground. Gray levels, which are at least
    10 apart and include 255, and other numbers become classes in ascending order.

    Args:
        found: Distinct numbers of all masks, sorted; at least two.
        classes: Number of classes, if known.

    Raises:
        ValueError: If the numbers do not match that many classes.

    >>> name_numbers([0, 1, 255])[0]
    {0: 0, 1: 1, 255: 255}
    >>> name_numbers([0, 127, 255])[0]
    {0: 0, 127: 1, 255: 2}
    """
    ids = [value for value in found if value != IGNORE]
    levels = min(b - a for a, b in zip(found, found[1:], strict=False)) >= STEP
    if classes is None:
        as_ids, all_levels = not levels and ids == list(range(len(ids))), levels
    else:
        as_ids = len(ids) > 1 and ids[0] >= 0 and ids[-1] < classes
        all_levels = not as_ids and len(ids) != classes
    if as_ids:
        count = classes or ids[-1] + 1
        codes = {value: value for value in found}
        names = [f"class_{k}" for k in range(count)]
    else:
        ordered = list(found) if all_levels else ids
        _check_number(found, len(ordered), classes)
        codes = {value: k for k, value in enumerate(ordered)}
        codes |= {IGNORE: IGNORE} if IGNORE in found and not all_levels else {}
        names = [f"value_{value}" for value in ordered]
    return codes, _default_names(names), _notes(codes)


def _default_names(names: Sequence[str]) -> tuple[str, ...]:
    return ("background", "foreground") if len(names) == 2 else tuple(names)


def _check_number(found: Sequence[int], count: int, classes: int | None) -> None:
    if count < 2:
        raise ValueError(
            f"the masks hold the values {some(found)}, of which {IGNORE} beside class ids means "
            "ignore: expected pixels of two classes or more"
        )
    if classes is not None and count != classes:
        raise ValueError(
            f"--classes names {classes} classes, and the masks hold {len(found)} values "
            f"{some(found)}: name one class for each value, in their order"
        )


def _notes(codes: dict[int, int]) -> tuple[str, ...]:
    moved = [f"{value} is class {k}" for value, k in codes.items() if k not in (value, IGNORE)]
    notes = [f"values in the masks: {', '.join(moved[:8])}"] if moved else []
    if codes.get(IGNORE) == IGNORE:
        notes.append(f"{IGNORE} beside class ids means ignore: these pixels teach nothing")
    return tuple(notes)
