# SPDX-License-Identifier: Apache-2.0
"""Detection of mask values created at class edges by resizing or compression."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rankseg.imageio.masks import some
from rankseg.projects.mask_codes import MaskLook

THIN = 0.1  # a value whose share of interior pixels is below this has no area
FEW = 0.3  # largest share of all pixels at edges
MAIN = 0.8  # share of pixels above which the two most frequent values are the only classes


def check_edges(looks: Mapping[Path, MaskLook], by_colour: bool) -> list[str]:
    """Check that masks have no values that occur only at edges.

    Args:
        looks: Content of each mask.
        by_colour: Whether codes are colors instead of numbers.

    Returns:
        A sentence if there is a single such value between two others, since it may be a class of
        thin lines.

    Raises:
        ValueError: If there are several, and at least as many as values with an area.
    """
    counts, solid = Counter(), Counter()
    for look in looks.values():
        counts.update(look.colour_counts() if by_colour else look.counts)
        solid.update(look.by_colour(look.solid) if by_colour else look.solid)
    thin = sorted(code for code in counts if solid[code] < THIN * counts[code])
    areas = sorted(set(counts) - set(thin))
    total = counts.total()
    share = sum(counts[code] for code in thin) / max(1, total)
    if len(areas) < 2 or not thin or share > FEW or not (by_colour or _apart(areas, thin)):
        return []
    touched = sum(
        any(code in look_codes(look, by_colour) for code in thin) for look in looks.values()
    )
    if len(thin) < max(2, len(areas)):
        if by_colour or len(thin) > 1 or not areas[0] < thin[0] < areas[-1]:
            return []
        return [
            f"the value {thin[0]} is at edges alone, in {touched} of {len(looks)} masks: if a "
            f"program made it by resizing, use --above {_between(areas)}"
        ]
    first, second = sorted(code for code, _ in counts.most_common(2))
    two = counts[first] + counts[second] > MAIN * total
    cure = "Save them again as PNG, without resizing or with nearest neighbor."
    if two and not by_colour:
        cure = f"For two classes use --above {(first + second) // 2}. Of more, s{cure[1:]}"
    what = "colors" if by_colour else f"values {some(thin)}"
    raise ValueError(
        f"Expected masks of flat classes, but {touched} of {len(looks)} masks hold {len(thin)} "
        f"{what} at edges alone ({share:.1%} of the pixels), as resizing and JPEG make them. {cure}"
    )


def look_codes(look: MaskLook, by_colour: bool) -> set[int]:
    """Return the codes of a mask."""
    return set(look.colours.values()) if by_colour else set(look.counts)


def _apart(areas: list[int], thin: list[int]) -> bool:
    """Return whether numbers are gray levels; class ids would be dense."""
    found = [*areas, *thin]
    return max(found) - min(found) >= 2 * len(found)


def _between(areas: list[int]) -> int:
    return (areas[0] + areas[-1]) // 2
