# SPDX-License-Identifier: Apache-2.0
"""Choice between numbers and colors as codes for masks of several kinds."""

from collections.abc import Mapping, Set
from pathlib import Path

from rankseg.imageio.masks import IGNORE, some
from rankseg.projects.mask_codes import COLOUR, GREY, KINDS, PALETTE, MaskLook

Looks = Mapping[Path, MaskLook]
Used = dict[int, set[int]]

_CURE = (
    "Save all masks in one way, or give every color and its name with --colors FILE, lines such as "
    "'255 255 255 car'."
)


def colours_count(looks: Looks) -> tuple[bool, str | None]:
    """Decide whether colors, instead of gray values and palette indices, are the codes of masks.

    Numbers are the codes if they and the colors correspond one to one. If files differ, colors are
    the codes if numbers would split one color: white is 255 in an 8-bit gray file, 1 in a 1-bit
    file, and any index in a palette. Numbers are the codes if gray files repeat the indices of
    palettes.

    Args:
        looks: Content of each mask.

    Returns:
        Whether colors are the codes, and a sentence for the user if files differ.

    Raises:
        ValueError: If the choice is ambiguous.
    """
    if any(look.kind == COLOUR for look in looks.values()):
        _check_grey_among_colours(looks)
        return True, None
    _check_families(looks)
    if any(len(set(look.colours.values())) < len(look.colours) for look in looks.values()):
        return False, None  # a file has two numbers with the same color, so colors carry no meaning
    by_number, by_colour = _used(looks)
    merged, parted = _several(by_number), _several(by_colour)
    if not merged and not parted:
        return False, None
    palettes = {path: look for path, look in looks.items() if look.kind == PALETTE}
    if len(palettes) == len(looks):
        return True, "palettes differ from file to file: colours count, not indices"
    if not parted:
        return False, "gray masks repeat the indices of palettes: indices count, not colours"
    if merged and not _colours_explain(looks, palettes):
        number = min(merged)
        raise ValueError(
            f"Expected gray and palette masks to agree, but the number {number} has the colors "
            f"{_hex(by_number[number])}, and the color {_hex({min(parted)})} has the numbers "
            f"{some(sorted(by_colour[min(parted)]))}. {_CURE}"
        )
    return True, (
        f"masks of several kinds: colours count, not numbers ({_hex({min(parted)})} is "
        f"{' and '.join(map(str, sorted(by_colour[min(parted)])))})"
    )


def _used(looks: Looks) -> tuple[Used, Used]:
    """Return colors by number and numbers by color, over all masks."""
    by_number: Used = {}
    by_colour: Used = {}
    for look in looks.values():
        for number, colour in look.colours.items():
            by_number.setdefault(number, set()).add(colour)
            by_colour.setdefault(colour, set()).add(number)
    return by_number, by_colour


def _several(used: Used) -> set[int]:
    return {key for key, values in used.items() if len(values) > 1}


def _colours_explain(looks: Looks, palettes: Looks) -> bool:
    """Return whether gray masks and palettes share colors but use different numbers."""
    others = {path: look for path, look in looks.items() if path not in palettes}
    (here, colours), (there, more) = (map(set, _used(part)) for part in (palettes, others))
    return _within(colours, more) and not _within(here, there)


def _within(a: Set[int], b: Set[int]) -> bool:
    return a <= b or b <= a


def _check_grey_among_colours(looks: Looks) -> None:
    """Check that gray masks among color masks share a color with them; otherwise they hold ids."""
    colours = {
        colour for look in looks.values() if look.kind == COLOUR for colour in look.colours.values()
    }
    grey = {
        colour: path
        for path, look in looks.items()
        if look.kind == GREY
        for colour in look.colours.values()
        if colour
    }
    if grey and not colours & set(grey):
        colour, path = min(grey.items())
        raise ValueError(
            f"Expected all masks to hold colors, as some do, but {path} is gray with the value "
            f"{colour & 255}, and no mask in colors has {_hex({colour})}. {_CURE}"
        )


def _check_families(looks: Looks) -> None:
    """Check that masks of 0 and 255 are not mixed with masks of another kind and other numbers."""
    white = {look.kind for look in looks.values() if set(look.counts) - {0} == {IGNORE}}
    others = [look for look in looks.values() if set(look.counts) - {0, IGNORE}]
    kinds = {look.kind for look in others}
    if not white or not kinds or white & kinds:
        return
    if any(IGNORE in look.counts for look in others) or _white_elsewhere(others):
        return
    found = sorted({code for look in others for code in look.counts})
    raise ValueError(
        f"Expected masks of one set to mean the same by a number, but {_kinds(white)} masks hold 0 "
        f"and {IGNORE}, and {_kinds(kinds)} masks hold {some(found)}, none of which is white. "
        f"{_CURE}"
    )


def _white_elsewhere(looks: list[MaskLook]) -> bool:
    """Return whether a number other than 255 is white."""
    return any(0xFFFFFF in look.colours.values() for look in looks)


def _kinds(kinds: set[int]) -> str:
    return " and ".join(KINDS[kind] for kind in sorted(kinds))


def _hex(colours: Set[int]) -> str:
    return " and ".join(f"#{colour:06x}" for colour in sorted(colours))
