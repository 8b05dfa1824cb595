# SPDX-License-Identifier: Apache-2.0
"""Mapping of mask codes, numbers or colors, to classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rankseg.errors import FileError
from rankseg.imageio.masks import BINARY, IGNORE, LabelRule, format_values
from rankseg.projects.color_table import IGNORED
from rankseg.projects.mask_checks import (
    check_mixed_255,
    check_no_marks,
    check_not_jpeg,
    check_soft_edges,
    codes_are_colors,
    format_colors,
)
from rankseg.projects.mask_decoding import GRAY, PALETTE, Codes, MaskStats, read_codes, unpack
from rankseg.utils.palette import class_palette

MAX_UNNAMED = 64  # unnamed classes; more values are soft edges or one number per object
MAX_CLASSES = IGNORE  # ids from 0 to 254
MANY_VALUES = 8  # more numbers may be object ids
MIN_STEP = 10  # numbers that include 255 and are this far apart are gray levels, not ids

NamedClasses = tuple[dict[int, int], tuple[str, ...], tuple[str, ...]]
"""Class by number, default names, notes."""


@dataclass(frozen=True)
class MaskPlan:
    """Meaning of the codes in masks.

    Attributes:
        classes: Class names in id order.
        palette: RGB colors for pictures.
        codes: Class id by code, or 255 for ignore.
        by_color: Whether codes are ``0xRRGGBB`` instead of numbers.
        readable: Whether training can read the masks directly.
        rule: Label rule that training then needs.
        notes: Sentences for the user.
    """

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    codes: Mapping[int, int]
    by_color: bool = False
    readable: bool = False
    rule: LabelRule = None
    notes: tuple[str, ...] = ()

    def ids(self, mask: Codes) -> np.ndarray:
        """Convert a surveyed mask to ``(H, W)`` uint8 class ids."""
        values = mask.as_colors() if self.by_color else mask.values
        known = np.array(sorted(self.codes), np.int64)
        classes = np.array([self.codes[code] for code in known.tolist()], np.uint8)
        return classes[np.searchsorted(known, values)]

    def counts(self, mask: MaskStats) -> np.ndarray:
        """Return ``(256,)`` int64: pixels by class id."""
        result = np.zeros(256, np.int64)
        for code, count in mask.counts_of(self.by_color).items():
            result[self.codes[code]] += count
        return result


def make_plan(
    masks: Mapping[Path, MaskStats],
    names: Sequence[str] | None = None,
    table: Mapping[int, str] | None = None,
    above: int | None = None,
) -> MaskPlan:
    """Determine the meaning of the codes of all masks.

    Args:
        masks: Content of each mask.
        names: Class names; their number helps to interpret the codes.
        table: Names of colors, see :func:`~rankseg.projects.color_table.read_color_table`.
        above: Numbers above this one are class 1, all others class 0.

    Raises:
        ValueError: If the masks hold a single code, more codes than classes are possible, or a
            number of codes that differs from the number of names; or if the table lacks a color.
    """
    if names and len(names) > MAX_CLASSES:
        raise ValueError(
            f"Expected at most {MAX_CLASSES} classes, as 8-bit masks hold the ids 0 to 254, but "
            f"--classes names {len(names)}. Merge some classes."
        )
    by_color, why = (True, None) if table else codes_are_colors(masks)
    notes = [why] if why else []
    if by_color and above is not None:
        raise ValueError("Expected masks of numbers for --above, but got colors. Leave it out.")
    found = sorted({code for mask in masks.values() for code in mask.counts_of(by_color)})
    if not by_color:
        plan = _plan_numbers(masks, found, names, above)
    elif table is None and all(code % 0x010101 == 0 for code in found):
        plan = _plan_gray_levels(masks, found, names)
    else:
        plan = _plan_colors(masks, found, names, table)
    held = sum((plan.counts(mask) for mask in masks.values()), np.zeros(256, np.int64))
    absent = [name for k, name in enumerate(plan.classes) if not held[k]]
    if absent:
        more = f" and {len(absent) - 8} others" if len(absent) > 8 else ""
        notes.append(f"no mask holds the classes {', '.join(absent[:8])}{more}")
    notes += [
        f"the class '{name}' is trained like any other: to ignore its pixels, give them the value "
        f"{IGNORE} in the masks, or name their color with --colors FILE"
        for name in names or ()
        if name.lower() in IGNORED
    ]
    return replace(plan, notes=(*notes, *plan.notes))


def identity_plan(classes: Sequence[str]) -> MaskPlan:
    """Return the plan for masks that are drawn as ids of these classes and must be written."""
    return MaskPlan(tuple(classes), _palette(classes), {k: k for k in range(len(classes))})


def _palette(classes: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    return tuple(map(tuple, class_palette(classes)))


def _plan_numbers(
    masks: Mapping[Path, MaskStats],
    found: Sequence[int],
    names: Sequence[str] | None,
    above: int | None,
) -> MaskPlan:
    """Return the plan for codes that are numbers."""
    _check_several(found, masks)
    notes: list[str] = []
    if above is not None:
        codes = {value: int(value > above) for value in found}
        if len(set(codes.values())) == 1:
            raise ValueError(
                f"Expected --above to be from {found[0]} to {found[-1] - 1}, so that it separates "
                f"the values {format_values(found)} of the masks, but got {above}. Choose another "
                "number."
            )
        if names and len(names) != 2:
            raise ValueError(
                f"Expected two names in --classes for --above, but got {len(names)}. Name the "
                "classes below and above."
            )
        defaults = ("background", "foreground")
        notes.append(f"values above {above} are class 1")
    else:
        check_not_jpeg(found, masks)
        if not names or len(names) not in (len(found), len(set(found) - {IGNORE})):
            notes += check_soft_edges(masks, by_color=False)
        _check_number_of_values(found, names)
        codes, defaults, more = classes_from_values(found, names and len(names))
        notes += more
        if codes.get(IGNORE) == IGNORE:
            notes += check_mixed_255(masks, found)
        if names is None and len(defaults) > MANY_VALUES:
            notes.append(
                f"got {len(defaults)} classes: if the values number objects, --above 0 makes all "
                "objects one class"
            )
    gray = all(mask.kind in (GRAY, PALETTE) for mask in masks.values())
    readable = above is None and gray and min(found) >= 0
    classes = tuple(names or defaults)
    rule: LabelRule = {code: k for code, k in codes.items() if code != k} or None
    if set(found) == {0, IGNORE} and codes[IGNORE] == 1:
        rule = BINARY
    rule = rule if readable else None
    return MaskPlan(classes, _palette(classes), codes, False, readable, rule, tuple(notes))


def _plan_gray_levels(
    masks: Mapping[Path, MaskStats], found: Sequence[int], names: Sequence[str] | None
) -> MaskPlan:
    """Return the plan for colors that are all gray levels, which are treated as numbers."""
    levels = [code // 0x010101 for code in found]
    _check_several(levels, masks)
    notes = check_soft_edges(masks, by_color=True)
    _check_number_of_values(levels, names)
    codes, defaults, more = classes_from_values(levels, names and len(names))
    classes = tuple(names or defaults)
    by_color = {level * 0x010101: k for level, k in codes.items()}
    return MaskPlan(classes, _palette(classes), by_color, True, notes=(*notes, *more))


def _plan_colors(
    masks: Mapping[Path, MaskStats],
    found: Sequence[int],
    names: Sequence[str] | None,
    table: Mapping[int, str] | None,
) -> MaskPlan:
    """Return the plan for codes that are colors, whose masks must be converted."""
    notes: list[str] = []
    if table is None:
        _check_several(found, masks)
        check_no_marks(masks)
        if not names or len(names) != len(found):
            notes += check_soft_edges(masks, by_color=True)
        limit = MAX_CLASSES if names else MAX_UNNAMED
        if len(found) > limit or (names and len(names) != len(found)):
            wanted = (
                f"{len(names)} colors, as --classes names" if names else f"at most {limit} colors"
            )
            raise ValueError(
                f"Expected the masks to have {wanted}, but got {len(found)} "
                f"({format_colors(found)}). List the colors and their names in a file, lines such "
                "as '0 0 255 car', and name it with --colors. JPEG and soft edges add meaningless "
                "colors."
            )
        names = names or [f"#{code:06x}" for code in found]
        table = dict(zip(found, names, strict=True))
        notes.append(
            "every color is a class, black first: --colors FILE names classes, and colors to ignore"
        )
    elif names:
        raise ValueError(
            "Expected either --colors or --classes to name the classes, but got both. Leave one "
            "out."
        )
    order = [name for name in dict.fromkeys(table.values()) if name.lower() not in IGNORED]
    codes = {c: order.index(n) if n in order else IGNORE for c, n in table.items()}
    _check_known(masks, codes)
    used = {codes[code] for code in found} - {IGNORE}
    if len(used) < 2:
        only = f"only {order[used.pop()]}" if used else "only ignored colors"
        raise ValueError(
            f"Expected the masks to hold two classes or more, but got {only}. Check --colors and "
            "--masks."
        )
    first = {k: unpack(code) for code, k in reversed(codes.items())}
    palette = tuple(first[k] for k in range(len(order)))
    return MaskPlan(tuple(order), palette, codes, True, notes=tuple(notes))


def classes_from_values(found: Sequence[int], classes: int | None = None) -> NamedClasses:
    """Map numbers to classes.

    Ids from 0 on are kept; with ``classes`` even if some ids are unused. A 255 next to them means
    ignore. Masks of only 0 and 255 are background and foreground. Gray levels, which are at least
    10 apart and include 255, and other numbers become classes in ascending order.

    Args:
        found: Distinct numbers of all masks, sorted; at least two.
        classes: Number of classes, if known.

    Raises:
        ValueError: If the numbers do not match that many classes.

    >>> classes_from_values([0, 1, 255])[0]
    {0: 0, 1: 1, 255: 255}
    >>> classes_from_values([0, 127, 255])[0]
    {0: 0, 127: 1, 255: 2}
    """
    ids = [value for value in found if value != IGNORE]
    levels = min(b - a for a, b in zip(found, found[1:], strict=False)) >= MIN_STEP
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
        _check_number_of_classes(found, len(ordered), classes)
        codes = {value: k for k, value in enumerate(ordered)}
        codes |= {IGNORE: IGNORE} if IGNORE in found and not all_levels else {}
        names = [f"value_{value}" for value in ordered]
    moved = [f"{value} is class {k}" for value, k in codes.items() if k not in (value, IGNORE)]
    notes = [f"values in the masks: {', '.join(moved[:8])}"] if moved else []
    if codes.get(IGNORE) == IGNORE:
        notes.append(f"{IGNORE} means ignore: these pixels are not used for training")
    names = ["background", "foreground"] if len(names) == 2 else names
    return codes, tuple(names), tuple(notes)


def _check_number_of_classes(found: Sequence[int], count: int, classes: int | None) -> None:
    if count < 2:
        raise ValueError(
            f"Expected the masks to hold two classes or more, but got the values "
            f"{format_values(found)}, of which {IGNORE} means ignore. Check --masks."
        )
    if classes is not None and count != classes:
        raise ValueError(
            f"Expected one name in --classes for each value of the masks, in ascending order, but "
            f"got {classes} names and {len(found)} values {format_values(found)}. Add or remove "
            "names."
        )


def _check_number_of_values(found: Sequence[int], names: Sequence[str] | None) -> None:
    if not names and len(found) > MAX_UNNAMED:
        raise ValueError(
            f"Expected at most {MAX_UNNAMED} different values in masks without class names, but "
            f"got {len(found)}: {format_values(found)}. With --above N every value above N is "
            "foreground (--above 0 for numbered objects, --above 127 for soft edges). If the "
            "values are classes, name them with --classes NAME ... or --classes FILE, a file with "
            "one name per line."
        )


def _check_several(found: Sequence[int], masks: Mapping[Path, MaskStats]) -> None:
    if len(found) < 2:
        raise ValueError(
            f"Expected the masks to hold two classes or more, but all {len(masks)} masks hold the "
            f"single value {found[0]}. Check that --masks names the right folder."
        )


def _check_known(masks: Mapping[Path, MaskStats], codes: Mapping[int, int]) -> None:
    """Check that a table names every color."""
    for path, mask in masks.items():
        unknown = [code for code in mask.counts_of(by_color=True) if code not in codes]
        if unknown:
            row, column = np.argwhere(read_codes(path).as_colors() == unknown[0])[0]
            red, green, blue = unpack(unknown[0])
            raise FileError(
                f"Expected the table of --colors to name every color, but mask {path} has the "
                f"color {red} {green} {blue} (#{unknown[0]:06x}) at column {column}, row {row}. "
                "Add it to the table, with the name 'ignore' if it is no class."
            )
