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
from rankseg.projects.edges import check_edges
from rankseg.projects.marked import check_not_marked
from rankseg.projects.mask_codes import GREY, PALETTE, Codes, MaskLook, read_codes, unpack
from rankseg.projects.mask_values import name_numbers
from rankseg.projects.mixture import colours_count

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
        by_colour: Whether codes are ``0xRRGGBB`` instead of numbers.
        stay: Whether training can read the masks directly.
        rule: Label rule that training then needs.
        notes: Sentences for the user.
    """

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    codes: Mapping[int, int]
    by_colour: bool
    stay: bool
    rule: LabelRule
    notes: tuple[str, ...]

    def ids(self, mask: Codes) -> np.ndarray:
        """Convert a surveyed mask to ``(H, W)`` uint8 class ids."""
        values = mask.as_colours() if self.by_colour else mask.values
        known = np.array(sorted(self.codes), np.int64)
        classes = np.array([self.codes[code] for code in known.tolist()], np.uint8)
        return classes[np.searchsorted(known, values)]

    def counts(self, look: MaskLook) -> np.ndarray:
        """Return ``(256,)`` int64: pixels by class id."""
        result = np.zeros(256, np.int64)
        for code, count in (look.colour_counts() if self.by_colour else look.counts).items():
            result[self.codes[code]] += count
        return result


def make_plan(
    looks: Mapping[Path, MaskLook],
    names: Sequence[str] | None = None,
    table: Mapping[int, str] | None = None,
    above: int | None = None,
) -> MaskPlan:
    """Determine the meaning of the codes of all masks.

    Args:
        looks: Content of each mask.
        names: Class names; their number helps to interpret the codes.
        table: Names of colors, see :func:`~rankseg.projects.color_table.read_colours`.
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
    by_colour, why = (True, None) if table else colours_count(looks)
    notes = [why] if why else []
    if by_colour and above is not None:
        raise ValueError("--above is for masks of numbers, and these hold colours: leave it out")
    if by_colour:
        plan = _by_colour(looks, names, table)
    else:
        found = sorted({code for look in looks.values() for code in look.counts})
        _check_several(found, looks)
        if above is None:
            _check_not_jpeg(found, looks)
            if not names or len(names) not in (len(found), len(set(found) - {IGNORE})):
                notes += check_edges(looks, by_colour=False)
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


def plan_of_ids(classes: Sequence[str]) -> MaskPlan:
    """Return the plan for masks that are drawn as ids of these classes and must be written."""
    codes = {k: k for k in range(len(classes))}
    return MaskPlan(tuple(classes), _palette(classes), codes, False, False, None, ())


def _palette(classes: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    return TWO if len(classes) == 2 else tuple(map(tuple, make_palette(len(classes))))


def _by_number(
    looks: Mapping[Path, MaskLook],
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
        codes, defaults, notes = name_numbers(found, names and len(names))
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
    stay = above is None and all(look.kind in (GREY, PALETTE) for look in looks.values())
    stay = stay and min(found) >= 0
    classes = tuple(names or defaults)
    rule: LabelRule = {code: k for code, k in codes.items() if code != k} or None
    if set(found) == {0, IGNORE} and codes[IGNORE] == 1:
        rule = BINARY
    return MaskPlan(classes, _palette(classes), codes, False, stay, rule if stay else None, notes)


def _by_colour(
    looks: Mapping[Path, MaskLook],
    names: Sequence[str] | None,
    table: Mapping[int, str] | None,
) -> MaskPlan:
    """Return the plan for codes that are colors, whose masks must be converted."""
    found = sorted({code for look in looks.values() for code in look.colour_counts()})
    notes: tuple[str, ...] = ()
    if table is None and all(code % 0x010101 == 0 for code in found):
        return _by_level(looks, found, names)
    if table is None:
        _check_several(found, looks)
        check_not_marked(looks)
        if not names or len(names) != len(found):
            notes += tuple(check_edges(looks, by_colour=True))
        most = MOST_CLASSES if names else MOST_GUESSED
        if len(found) > most or (names and len(names) != len(found)):
            said = f"--classes names {len(names)}" if names else f"at most {most} may be"
            shown = ", ".join(f"#{code:06x}" for code in found[:8])
            more = f", ... {len(found)} in all" if len(found) > 8 else ""
            raise ValueError(
                f"the masks hold {len(found)} colours ({shown}{more}), {said} classes: write the "
                "colours and their names into a file, lines such as '0 0 255 car', and give it "
                "with --colors; JPEG and soft edges make colours that mean nothing"
            )
        names = names or [f"#{code:06x}" for code in found]
        table = dict(zip(found, names, strict=True))
        notes += (
            "every colour found is a class, black first: --colors FILE names them, and those to "
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
    looks: Mapping[Path, MaskLook], found: Sequence[int], names: Sequence[str] | None
) -> MaskPlan:
    """Return the plan for colors that are all gray levels, which are treated as numbers."""
    levels = [code // 0x010101 for code in found]
    _check_several(levels, looks)
    notes = check_edges(looks, by_colour=True)
    _check_few(levels, names)
    codes, defaults, more = name_numbers(levels, names and len(names))
    classes = tuple(names or defaults)
    by_colour = {level * 0x010101: k for level, k in codes.items()}
    return MaskPlan(classes, _palette(classes), by_colour, True, False, None, (*notes, *more))


def _check_several(found: Sequence[int], looks: Mapping[Path, MaskLook]) -> None:
    if len(found) < 2:
        raise ValueError(
            f"all {len(looks)} masks hold one value only ({found[0]}), so that there is nothing to "
            "tell apart: expected two classes or more; see that --masks names the right folder"
        )


def _check_not_jpeg(found: Sequence[int], looks: Mapping[Path, MaskLook]) -> None:
    """Check that the numbers are not JPEG artifacts."""
    jpeg = next((path for path in looks if path.suffix.lower() in (".jpg", ".jpeg")), None)
    if jpeg and len(found) > 2:
        raise ValueError(
            f"mask {jpeg} is a JPEG file, which changes values a little, and the masks hold "
            f"{len(found)} of them {some(found)}: of two classes, name a value between them with "
            "--above 127; of more, save the masks anew as PNG from the program that made them"
        )


def _check_known(looks: Mapping[Path, MaskLook], codes: Mapping[int, int]) -> None:
    """Check that a table names every color."""
    for path, look in looks.items():
        unknown = [code for code in look.colour_counts() if code not in codes]
        if unknown:
            row, column = np.argwhere(read_codes(path).as_colours() == unknown[0])[0]
            red, green, blue = unpack(unknown[0])
            raise FileError(
                f"mask {path} has the colour {red} {green} {blue} (#{unknown[0]:06x}) at column "
                f"{column}, row {row}, which is not in the table of --colors: add it, with the "
                "name 'ignore' if it is no class"
            )


def _mixed_255(looks: Mapping[Path, MaskLook]) -> int:
    """Count masks of only 0 and 255; return 0 if a mask holds 255 next to another class."""
    others = [set(look.counts) - {0} for look in looks.values()]
    if any(IGNORE in one and len(one) > 1 for one in others):
        return 0
    return sum(one == {IGNORE} for one in others)
