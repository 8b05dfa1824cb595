# SPDX-License-Identifier: Apache-2.0
"""Mapping of mask codes, numbers or colors, to classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rankseg.datasets.base import make_palette
from rankseg.errors import FileError
from rankseg.imageio.masks import BINARY, IGNORE, LabelRule, some
from rankseg.projects.color_table import IGNORED
from rankseg.projects.mask_checks import check_edges, check_not_marked, codes_are_colors
from rankseg.projects.mask_decoding import GRAY, PALETTE, Codes, MaskStats, read_codes, unpack

MOST_GUESSED = 64  # unnamed classes; more values are soft edges or one number per object
MOST_CLASSES = IGNORE  # ids from 0 to 254
MANY = 8  # more numbers may be object ids
TWO = ((0, 0, 0), (255, 160, 0))  # colors of two classes in pictures


@dataclass(frozen=True)
class MaskPlan:
    """Meaning of the codes in masks.

    Attributes:
        classes: Class names in id order.
        palette: RGB colors for pictures.
        codes: Class id by code, or 255 for ignore.
        by_color: Whether codes are ``0xRRGGBB`` instead of numbers.
        stay: Whether training can read the masks directly.
        rule: Label rule that training then needs.
        notes: Sentences for the user.
    """

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    codes: Mapping[int, int]
    by_color: bool
    stay: bool
    rule: LabelRule
    notes: tuple[str, ...]

    def ids(self, mask: Codes) -> np.ndarray:
        """Convert a surveyed mask to ``(H, W)`` uint8 class ids."""
        values = mask.as_colors() if self.by_color else mask.values
        known = np.array(sorted(self.codes), np.int64)
        classes = np.array([self.codes[code] for code in known.tolist()], np.uint8)
        return classes[np.searchsorted(known, values)]

    def counts(self, look: MaskStats) -> np.ndarray:
        """Return ``(256,)`` int64: pixels by class id."""
        result = np.zeros(256, np.int64)
        for code, count in (look.color_counts() if self.by_color else look.counts).items():
            result[self.codes[code]] += count
        return result


def make_plan(
    looks: Mapping[Path, MaskStats],
    names: Sequence[str] | None = None,
    table: Mapping[int, str] | None = None,
    above: int | None = None,
) -> MaskPlan:
    """Determine the meaning of the codes of all masks.

    Args:
        looks: Content of each mask.
        names: Class names; their number helps to interpret the codes.
        table: Names of colors, see :func:`~rankseg.projects.color_table.read_color_table`.
        above: Numbers above this one are class 1, all others class 0.

    Raises:
        ValueError: If the masks hold a single code, more codes than classes are possible, or a
            number of codes that differs from the number of names; or if the table lacks a color.
    """
    if names and len(names) > MOST_CLASSES:
        raise ValueError(
            f"Expected at most {MOST_CLASSES} classes, as masks of 8 bits hold ids 0 to 254, but "
            f"--classes names {len(names)}. Merge some."
        )
    by_color, why = (True, None) if table else codes_are_colors(looks)
    notes = [why] if why else []
    if by_color and above is not None:
        raise ValueError("--above is for masks of numbers, and these hold colors: leave it out")
    if by_color:
        plan = _by_color(looks, names, table)
    else:
        found = sorted({code for look in looks.values() for code in look.counts})
        _check_several(found, looks)
        if above is None:
            _check_not_jpeg(found, looks)
            if not names or len(names) not in (len(found), len(set(found) - {IGNORE})):
                notes += check_edges(looks, by_color=False)
            _check_few(found, names)
        plan = _by_number(looks, found, names, above)
    held = sum((plan.counts(look) for look in looks.values()), np.zeros(256, np.int64))
    absent = [name for k, name in enumerate(plan.classes) if not held[k]]
    if absent:
        more = f" and {len(absent) - 8} others" if len(absent) > 8 else ""
        notes.append(f"no mask holds {', '.join(absent[:8])}{more}")
    return replace(plan, notes=(*notes, *plan.notes))


def _check_few(found: Sequence[int], names: Sequence[str] | None) -> None:
    """Check that there are no more numbers than possible classes."""
    if names:
        return
    if len(found) > MOST_GUESSED:
        raise ValueError(
            f"the masks hold {len(found)} different values {some(found)}, too many to be "
            "classes without names: with --above N every value above N is foreground (--above 0 "
            "for numbered objects, --above 127 for soft edges); if they are classes, name them "
            "with --classes NAME ... or --classes FILE, a file with a name on every line"
        )


def identity_plan(classes: Sequence[str]) -> MaskPlan:
    """Return the plan for masks that are drawn as ids of these classes and must be written."""
    codes = {k: k for k in range(len(classes))}
    return MaskPlan(tuple(classes), _palette(classes), codes, False, False, None, ())


def _palette(classes: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    return TWO if len(classes) == 2 else tuple(map(tuple, make_palette(len(classes))))


def _by_number(
    looks: Mapping[Path, MaskStats],
    found: Sequence[int],
    names: Sequence[str] | None,
    above: int | None,
) -> MaskPlan:
    """Return the plan for codes that are numbers."""
    if above is not None:
        codes = {value: int(value > above) for value in found}
        if len(set(codes.values())) == 1:
            raise ValueError(
                f"--above {above}: all values {some(found)} of the masks lie on one side "
                f"of it; expected a number from {found[0]} to {found[-1] - 1}"
            )
        if names and len(names) != 2:
            raise ValueError(f"--above makes two classes, --classes names {len(names)}")
        defaults, notes = ("background", "foreground"), (f"values above {above} are class 1",)
    else:
        codes, defaults, notes = classes_from_values(found, names and len(names))
    mixed = _mixed_255(looks) if codes.get(IGNORE) == IGNORE else 0
    if mixed:
        notes += (
            f"{mixed} masks hold 0 and 255 alone, others 1: if 255 is a class in them, save "
            "these masks anew with 1 in place of 255",
        )
    if above is None and names is None and len(defaults) > MANY:
        notes += (
            f"{len(defaults)} classes: if the masks number objects, whatever they are, --above 0 "
            "makes them one class",
        )
    stay = above is None and all(look.kind in (GRAY, PALETTE) for look in looks.values())
    stay = stay and min(found) >= 0
    classes = tuple(names or defaults)
    rule: LabelRule = {code: k for code, k in codes.items() if code != k} or None
    if set(found) == {0, IGNORE} and codes[IGNORE] == 1:
        rule = BINARY
    return MaskPlan(classes, _palette(classes), codes, False, stay, rule if stay else None, notes)


def _by_color(
    looks: Mapping[Path, MaskStats],
    names: Sequence[str] | None,
    table: Mapping[int, str] | None,
) -> MaskPlan:
    """Return the plan for codes that are colors, whose masks must be converted."""
    found = sorted({code for look in looks.values() for code in look.color_counts()})
    notes: tuple[str, ...] = ()
    if table is None and all(code % 0x010101 == 0 for code in found):
        return _by_level(looks, found, names)
    if table is None:
        _check_several(found, looks)
        check_not_marked(looks)
        if not names or len(names) != len(found):
            notes += tuple(check_edges(looks, by_color=True))
        most = MOST_CLASSES if names else MOST_GUESSED
        if len(found) > most or (names and len(names) != len(found)):
            said = f"--classes names {len(names)}" if names else f"at most {most} may be"
            shown = ", ".join(f"#{code:06x}" for code in found[:8])
            more = f", ... {len(found)} in all" if len(found) > 8 else ""
            raise ValueError(
                f"the masks hold {len(found)} colors ({shown}{more}), {said} classes: write the "
                "colors and their names into a file, lines such as '0 0 255 car', and give it "
                "with --colors; JPEG and soft edges make colors that mean nothing"
            )
        names = names or [f"#{code:06x}" for code in found]
        table = dict(zip(found, names, strict=True))
        notes += (
            "every color found is a class, black first: --colors FILE names them, and those to "
            "ignore",
        )
    elif names:
        raise ValueError("--colors and --classes both name the classes: give one of the two")
    order = [name for name in dict.fromkeys(table.values()) if name.lower() not in IGNORED]
    codes = {c: order.index(n) if n in order else IGNORE for c, n in table.items()}
    _check_known(looks, codes)
    used = {codes[code] for code in found} - {IGNORE}
    if len(used) < 2:
        raise ValueError(
            f"all masks hold {order[used.pop()] if used else 'what is ignored'} alone: expected "
            "pixels of two classes or more"
        )
    first = {k: unpack(code) for code, k in reversed(codes.items())}
    palette = tuple(first[k] for k in range(len(order)))
    return MaskPlan(tuple(order), palette, codes, True, False, None, notes)


def _by_level(
    looks: Mapping[Path, MaskStats], found: Sequence[int], names: Sequence[str] | None
) -> MaskPlan:
    """Return the plan for colors that are all gray levels, which are treated as numbers."""
    levels = [code // 0x010101 for code in found]
    _check_several(levels, looks)
    notes = check_edges(looks, by_color=True)
    _check_few(levels, names)
    codes, defaults, more = classes_from_values(levels, names and len(names))
    classes = tuple(names or defaults)
    by_color = {level * 0x010101: k for level, k in codes.items()}
    return MaskPlan(classes, _palette(classes), by_color, True, False, None, (*notes, *more))


def _check_several(found: Sequence[int], looks: Mapping[Path, MaskStats]) -> None:
    if len(found) < 2:
        raise ValueError(
            f"all {len(looks)} masks hold one value only ({found[0]}), so that there is nothing to "
            "tell apart: expected two classes or more; see that --masks names the right folder"
        )


def _check_not_jpeg(found: Sequence[int], looks: Mapping[Path, MaskStats]) -> None:
    """Check that the numbers are not JPEG artifacts."""
    jpeg = next((path for path in looks if path.suffix.lower() in (".jpg", ".jpeg")), None)
    if jpeg and len(found) > 2:
        raise ValueError(
            f"mask {jpeg} is a JPEG file, which changes values a little, and the masks hold "
            f"{len(found)} of them {some(found)}: of two classes, name a value between them with "
            "--above 127; of more, save the masks anew as PNG from the program that made them"
        )


def _check_known(looks: Mapping[Path, MaskStats], codes: Mapping[int, int]) -> None:
    """Check that a table names every color."""
    for path, look in looks.items():
        unknown = [code for code in look.color_counts() if code not in codes]
        if unknown:
            row, column = np.argwhere(read_codes(path).as_colors() == unknown[0])[0]
            red, green, blue = unpack(unknown[0])
            raise FileError(
                f"mask {path} has the color {red} {green} {blue} (#{unknown[0]:06x}) at column "
                f"{column}, row {row}, which is not in the table of --colors: add it, with the "
                "name 'ignore' if it is no class"
            )


def _mixed_255(looks: Mapping[Path, MaskStats]) -> int:
    """Count masks of only 0 and 255; return 0 if a mask holds 255 next to another class."""
    others = [set(look.counts) - {0} for look in looks.values()]
    if any(IGNORE in one and len(one) > 1 for one in others):
        return 0
    return sum(one == {IGNORE} for one in others)


STEP = 10  # numbers that include 255 and are at least this far apart are gray levels, not ids

Named = tuple[dict[int, int], tuple[str, ...], tuple[str, ...]]
"""Class by number, default names, notes."""


def classes_from_values(found: Sequence[int], classes: int | None = None) -> Named:
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
