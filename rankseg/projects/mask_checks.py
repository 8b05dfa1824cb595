# SPDX-License-Identifier: Apache-2.0
"""Checks that all masks use one code per class: mixed kinds, soft edges, JPEG, marks on images."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path

from rankseg.imageio.marks import ColorCount
from rankseg.imageio.masks import IGNORE, format_values
from rankseg.projects.mask_decoding import COLOR, GRAY, KINDS, PALETTE, MaskStats

Masks = Mapping[Path, MaskStats]
Used = dict[int, set[int]]

MIN_GRAY_LEVELS = 16  # different gray levels in a gray image with marks
MIN_GRAY_SHARE = 0.3  # share of its pixels between black and white
MIN_SOLID = 0.1  # a value whose share of interior pixels is below this has no area
MAX_AT_EDGES = 0.3  # largest share of all pixels at edges
MAIN_SHARE = 0.8  # share of pixels above which the two most frequent values are the only classes

_CURE = (
    "Save all masks in the same way, or list every color and its name in a file for --colors, in "
    "lines such as '255 255 255 car'."
)


def codes_are_colors(masks: Masks) -> tuple[bool, str | None]:
    """Decide whether colors, instead of gray values and palette indices, are the codes of masks.

    Numbers are the codes if they and the colors correspond one to one. If files differ, colors are
    the codes if numbers would split one color: white is 255 in an 8-bit gray file, 1 in a 1-bit
    file, and any index in a palette. Numbers are the codes if gray files repeat the indices of
    palettes.

    Args:
        masks: Content of each mask.

    Returns:
        Whether colors are the codes, and a sentence for the user if files differ.

    Raises:
        ValueError: If the choice is ambiguous.
    """
    if any(mask.kind == COLOR for mask in masks.values()):
        _check_gray_among_colors(masks)
        return True, None
    _check_mixed_kinds(masks)
    if any(len(set(mask.colors.values())) < len(mask.colors) for mask in masks.values()):
        return False, None  # a file has two numbers with the same color, so colors carry no meaning
    by_number, by_color = _used(masks)
    merged, split = (
        {key for key, values in used.items() if len(values) > 1} for used in (by_number, by_color)
    )
    if not merged and not split:
        return False, None
    palettes = {path: mask for path, mask in masks.items() if mask.kind == PALETTE}
    if len(palettes) == len(masks):
        return True, "the palettes of the masks differ: classes follow colors, not indices"
    if not split:
        return False, (
            "gray masks repeat the indices of palette masks: classes follow indices, not colors"
        )
    color = min(split)
    numbers = sorted(by_color[color])
    if merged and not _colors_explain(masks, palettes):
        number = min(merged)
        raise ValueError(
            f"Expected gray and palette masks to agree, but the number {number} has the colors "
            f"{format_colors(by_number[number])}, and the color #{color:06x} has the numbers "
            f"{format_values(numbers)}. {_CURE}"
        )
    return True, (
        "the masks are of several kinds: classes follow colors, not numbers (the color "
        f"#{color:06x} has the numbers {' and '.join(map(str, numbers))})"
    )


def _used(masks: Masks) -> tuple[Used, Used]:
    """Return colors by number and numbers by color, over all masks."""
    by_number: Used = {}
    by_color: Used = {}
    for mask in masks.values():
        for number, color in mask.colors.items():
            by_number.setdefault(number, set()).add(color)
            by_color.setdefault(color, set()).add(number)
    return by_number, by_color


def _colors_explain(masks: Masks, palettes: Masks) -> bool:
    """Return whether gray masks and palettes share colors but use different numbers."""
    others = {path: mask for path, mask in masks.items() if path not in palettes}
    (numbers, colors), (other_numbers, other_colors) = (
        map(set, _used(part)) for part in (palettes, others)
    )
    return _nested(colors, other_colors) and not _nested(numbers, other_numbers)


def _nested(a: Set[int], b: Set[int]) -> bool:
    return a <= b or b <= a


def _check_gray_among_colors(masks: Masks) -> None:
    """Check that gray masks among color masks share a color with them; otherwise they hold ids."""
    colors = {
        color for mask in masks.values() if mask.kind == COLOR for color in mask.colors.values()
    }
    gray = {
        color: path
        for path, mask in masks.items()
        if mask.kind == GRAY
        for color in mask.colors.values()
        if color
    }
    if gray and not colors & set(gray):
        color, path = min(gray.items())
        raise ValueError(
            f"Expected all masks to hold colors, as some do, but {path} is gray with the value "
            f"{color & 255}, and no color mask has #{color:06x}. {_CURE}"
        )


def _check_mixed_kinds(masks: Masks) -> None:
    """Check that masks of 0 and 255 are not mixed with masks of another kind and other numbers."""
    white = {mask.kind for mask in masks.values() if set(mask.counts) - {0} == {IGNORE}}
    others = [mask for mask in masks.values() if set(mask.counts) - {0, IGNORE}]
    kinds = {mask.kind for mask in others}
    if not white or not kinds or white & kinds:
        return
    if any(IGNORE in mask.counts or 0xFFFFFF in mask.colors.values() for mask in others):
        return
    found = sorted({code for mask in others for code in mask.counts})
    white_names, names = (" and ".join(KINDS[kind] for kind in sorted(k)) for k in (white, kinds))
    raise ValueError(
        f"Expected all masks to mean the same by a number, but {white_names} masks hold 0 and "
        f"{IGNORE}, and {names} masks hold {format_values(found)}, none of which is white. {_CURE}"
    )


def check_mixed_255(masks: Masks, found: Sequence[int]) -> list[str]:
    """Check that 255 means ignore in all masks, and foreground in none.

    Returns:
        A sentence if some masks of several classes hold only 0 and 255.

    Raises:
        ValueError: If some masks hold only 0 and 1, and others only 0 and 255.
    """
    values = [set(mask.counts) - {0} for mask in masks.values()]
    if any(IGNORE in one and len(one) > 1 for one in values):
        return []
    count = sum(one == {IGNORE} for one in values)
    if count and set(found) == {0, 1, IGNORE}:
        raise ValueError(
            f"Expected one value for the foreground, but {count} of {len(masks)} masks hold only 0 "
            f"and {IGNORE}, and the others 0 and 1. If {IGNORE} is foreground, add --above 0. If "
            "it means ignore, list '0 0 0 background', '1 1 1 foreground' and '255 255 255 ignore' "
            "in a file for --colors."
        )
    if not count:
        return []
    return [
        f"{count} masks hold only 0 and {IGNORE}, and {IGNORE} is ignored: if it is a class there, "
        f"save these masks again with its class id in place of {IGNORE}"
    ]


def check_not_jpeg(found: Sequence[int], masks: Masks) -> None:
    """Check that the numbers are not JPEG artifacts."""
    jpeg = next((path for path in masks if path.suffix.lower() in (".jpg", ".jpeg")), None)
    if jpeg and len(found) > 2:
        raise ValueError(
            f"Expected masks without compression artifacts, but {jpeg} is a JPEG file, which "
            f"changes values slightly, and the masks hold {len(found)} values "
            f"{format_values(found)}. For two classes, separate them with --above 127. For more, "
            "save the masks as PNG in the program that made them."
        )


def check_soft_edges(masks: Masks, by_color: bool) -> list[str]:
    """Check that masks have no values that occur only at edges, created by resizing or JPEG.

    Args:
        masks: Content of each mask.
        by_color: Whether codes are colors instead of numbers.

    Returns:
        A sentence if there is a single such value between two others, since it may be a class of
        thin lines.

    Raises:
        ValueError: If there are several, and at least as many as values with an area.
    """
    counts, solid = Counter(), Counter()
    for mask in masks.values():
        counts.update(mask.counts_of(by_color))
        solid.update(mask.solid_of(by_color))
    thin = sorted(code for code in counts if solid[code] < MIN_SOLID * counts[code])
    areas = sorted(set(counts) - set(thin))
    total = counts.total()
    share = sum(counts[code] for code in thin) / max(1, total)
    # gray levels are far apart, class ids are dense
    spread = len(counts) and max(counts) - min(counts) >= 2 * len(counts)
    if len(areas) < 2 or not thin or share > MAX_AT_EDGES or not (by_color or spread):
        return []
    touched = sum(any(code in mask.counts_of(by_color) for code in thin) for mask in masks.values())
    if len(thin) < max(2, len(areas)):
        if by_color or len(thin) > 1 or not areas[0] < thin[0] < areas[-1]:
            return []
        return [
            f"the value {thin[0]} occurs only at edges, in {touched} of {len(masks)} masks: if "
            f"resizing created it, use --above {(areas[0] + areas[-1]) // 2}"
        ]
    first, second = sorted(code for code, _ in counts.most_common(2))
    cure = "Save the masks again as PNG, without resizing or with nearest neighbor."
    if counts[first] + counts[second] > MAIN_SHARE * total and not by_color:
        cure = f"For two classes, use --above {(first + second) // 2}. For more, s{cure[1:]}"
    what = "colors" if by_color else f"values {format_values(thin)}"
    raise ValueError(
        f"Expected one flat value per class, but {touched} of {len(masks)} masks hold {len(thin)} "
        f"{what} only at edges ({share:.1%} of the pixels), as resizing and JPEG create them. "
        f"{cure}"
    )


def check_no_marks(masks: Masks) -> None:
    """Check that masks are not gray images with colored marks, whose gray levels are no classes.

    Raises:
        ValueError: If they are; the message lists the colors of the marks.
    """
    colors = ColorCount()
    grays, gray_pixels = set(), 0
    for mask in masks.values():
        counts = mask.counts_of(by_color=True)
        for code, count in counts.items():
            if code % 0x010101 == 0 and 0 < code < 0xFFFFFF:
                grays.add(code)
                gray_pixels += count
        colors.add_codes(counts, mask.size[0] * mask.size[1])
    if colors and len(grays) >= MIN_GRAY_LEVELS and gray_pixels > MIN_GRAY_SHARE * colors.pixels:
        raise ValueError(
            f"Expected masks of flat colors, but got gray images with marks in {colors}. If "
            "objects are outlined or filled in one of these colors, name it: --color "
            f"{colors.first()}."
        )


def format_colors(colors: Collection[int]) -> str:
    """Format the first colors ``0xRRGGBB`` of a list."""
    shown = ", ".join(f"#{color:06x}" for color in sorted(colors)[:8])
    return f"{shown}, ... {len(colors)} in total" if len(colors) > 8 else shown
