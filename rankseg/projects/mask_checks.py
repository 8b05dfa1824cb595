# SPDX-License-Identifier: Apache-2.0
"""Choice between numbers and colors as codes for masks of several kinds."""

from collections import Counter
from collections.abc import Mapping, Set
from pathlib import Path

from rankseg.imageio.marks import ColorCount
from rankseg.imageio.masks import IGNORE, some
from rankseg.projects.mask_decoding import COLOR, GRAY, KINDS, PALETTE, MaskStats

Looks = Mapping[Path, MaskStats]
Used = dict[int, set[int]]

MIN_GRAY_LEVELS = 16  # different gray levels in a gray image with marks
MIN_GRAY_SHARE = 0.3  # share of its pixels between black and white
THIN = 0.1  # a value whose share of interior pixels is below this has no area
FEW = 0.3  # largest share of all pixels at edges
MAIN = 0.8  # share of pixels above which the two most frequent values are the only classes

_CURE = (
    "Save all masks in one way, or give every color and its name with --colors FILE, lines such as "
    "'255 255 255 car'."
)


def codes_are_colors(looks: Looks) -> tuple[bool, str | None]:
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
    if any(look.kind == COLOR for look in looks.values()):
        _check_gray_among_colors(looks)
        return True, None
    _check_families(looks)
    if any(len(set(look.colors.values())) < len(look.colors) for look in looks.values()):
        return False, None  # a file has two numbers with the same color, so colors carry no meaning
    by_number, by_color = _used(looks)
    merged, parted = _several(by_number), _several(by_color)
    if not merged and not parted:
        return False, None
    palettes = {path: look for path, look in looks.items() if look.kind == PALETTE}
    if len(palettes) == len(looks):
        return True, "palettes differ from file to file: colors count, not indices"
    if not parted:
        return False, "gray masks repeat the indices of palettes: indices count, not colors"
    if merged and not _colors_explain(looks, palettes):
        number = min(merged)
        raise ValueError(
            f"Expected gray and palette masks to agree, but the number {number} has the colors "
            f"{_hex(by_number[number])}, and the color {_hex({min(parted)})} has the numbers "
            f"{some(sorted(by_color[min(parted)]))}. {_CURE}"
        )
    return True, (
        f"masks of several kinds: colors count, not numbers ({_hex({min(parted)})} is "
        f"{' and '.join(map(str, sorted(by_color[min(parted)])))})"
    )


def _used(looks: Looks) -> tuple[Used, Used]:
    """Return colors by number and numbers by color, over all masks."""
    by_number: Used = {}
    by_color: Used = {}
    for look in looks.values():
        for number, color in look.colors.items():
            by_number.setdefault(number, set()).add(color)
            by_color.setdefault(color, set()).add(number)
    return by_number, by_color


def _several(used: Used) -> set[int]:
    return {key for key, values in used.items() if len(values) > 1}


def _colors_explain(looks: Looks, palettes: Looks) -> bool:
    """Return whether gray masks and palettes share colors but use different numbers."""
    others = {path: look for path, look in looks.items() if path not in palettes}
    (here, colors), (there, more) = (map(set, _used(part)) for part in (palettes, others))
    return _within(colors, more) and not _within(here, there)


def _within(a: Set[int], b: Set[int]) -> bool:
    return a <= b or b <= a


def _check_gray_among_colors(looks: Looks) -> None:
    """Check that gray masks among color masks share a color with them; otherwise they hold ids."""
    colors = {
        color for look in looks.values() if look.kind == COLOR for color in look.colors.values()
    }
    gray = {
        color: path
        for path, look in looks.items()
        if look.kind == GRAY
        for color in look.colors.values()
        if color
    }
    if gray and not colors & set(gray):
        color, path = min(gray.items())
        raise ValueError(
            f"Expected all masks to hold colors, as some do, but {path} is gray with the value "
            f"{color & 255}, and no mask in colors has {_hex({color})}. {_CURE}"
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


def _white_elsewhere(looks: list[MaskStats]) -> bool:
    """Return whether a number other than 255 is white."""
    return any(0xFFFFFF in look.colors.values() for look in looks)


def _kinds(kinds: set[int]) -> str:
    return " and ".join(KINDS[kind] for kind in sorted(kinds))


def _hex(colors: Set[int]) -> str:
    return " and ".join(f"#{color:06x}" for color in sorted(colors))


def check_edges(looks: Mapping[Path, MaskStats], by_color: bool) -> list[str]:
    """Check that masks have no values that occur only at edges.

    Args:
        looks: Content of each mask.
        by_color: Whether codes are colors instead of numbers.

    Returns:
        A sentence if there is a single such value between two others, since it may be a class of
        thin lines.

    Raises:
        ValueError: If there are several, and at least as many as values with an area.
    """
    counts, solid = Counter(), Counter()
    for look in looks.values():
        counts.update(look.color_counts() if by_color else look.counts)
        solid.update(look.by_color(look.solid) if by_color else look.solid)
    thin = sorted(code for code in counts if solid[code] < THIN * counts[code])
    areas = sorted(set(counts) - set(thin))
    total = counts.total()
    share = sum(counts[code] for code in thin) / max(1, total)
    if len(areas) < 2 or not thin or share > FEW or not (by_color or _apart(areas, thin)):
        return []
    touched = sum(
        any(code in look_codes(look, by_color) for code in thin) for look in looks.values()
    )
    if len(thin) < max(2, len(areas)):
        if by_color or len(thin) > 1 or not areas[0] < thin[0] < areas[-1]:
            return []
        return [
            f"the value {thin[0]} is at edges alone, in {touched} of {len(looks)} masks: if a "
            f"program made it by resizing, use --above {_between(areas)}"
        ]
    first, second = sorted(code for code, _ in counts.most_common(2))
    two = counts[first] + counts[second] > MAIN * total
    cure = "Save them again as PNG, without resizing or with nearest neighbor."
    if two and not by_color:
        cure = f"For two classes use --above {(first + second) // 2}. Of more, s{cure[1:]}"
    what = "colors" if by_color else f"values {some(thin)}"
    raise ValueError(
        f"Expected masks of flat classes, but {touched} of {len(looks)} masks hold {len(thin)} "
        f"{what} at edges alone ({share:.1%} of the pixels), as resizing and JPEG make them. {cure}"
    )


def look_codes(look: MaskStats, by_color: bool) -> set[int]:
    """Return the codes of a mask."""
    return set(look.colors.values()) if by_color else set(look.counts)


def _apart(areas: list[int], thin: list[int]) -> bool:
    """Return whether numbers are gray levels; class ids would be dense."""
    found = [*areas, *thin]
    return max(found) - min(found) >= 2 * len(found)


def _between(areas: list[int]) -> int:
    return (areas[0] + areas[-1]) // 2


MIN_GRAY_LEVELS, MIN_GRAY_SHARE = (
    16,
    0.3,
)  # levels and pixels between black and white in a gray image


def check_not_marked(looks: Mapping[Path, MaskStats]) -> None:
    """Check that masks are not gray images with colored marks, whose gray levels are no classes.

    Raises:
        ValueError: If they are; the message lists the colors of the marks.
    """
    colors = ColorCount()
    grays, gray_pixels = set(), 0
    for look in looks.values():
        for code, count in look.color_counts().items():
            if code % 0x010101 == 0 and 0 < code < 0xFFFFFF:
                grays.add(code)
                gray_pixels += count
        colors.add_codes(look.color_counts(), look.size[0] * look.size[1])
    if colors and len(grays) >= MIN_GRAY_LEVELS and gray_pixels > MIN_GRAY_SHARE * colors.pixels:
        raise ValueError(
            f"Expected masks of flat colors, but got gray pictures with marks in {colors}. If "
            f"objects are outlined or filled in one of them, name it with --color, such as "
            f"--color {colors.first()}."
        )
