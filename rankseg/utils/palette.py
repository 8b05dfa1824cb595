# SPDX-License-Identifier: Apache-2.0
"""Colors of classes that are easy to tell apart."""

import re
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

LEVELS = (0, 51, 102, 153, 204, 255)  # of red, green and blue of the candidates
FIRST = ((230, 60, 40), (0, 110, 220))  # the first colors after the background
BLACK, WHITE = (0, 0, 0), (255, 255, 255)  # background, and pixels without a class
TWO_CLASSES = [[*BLACK], [255, 160, 0]]  # background and foreground
BACKGROUND = re.compile(r"(background|bg|void|other|rest|none|nothing|outside|unlabell?ed)\b")

UNNAMED = (["class", "0"], ["value", "0"])


def class_palette(classes: Sequence[str]) -> list[list[int]]:
    """Return a color for each class; the first is black only if its name says background.

    Example:
        >>> class_palette(["background", "cell"]), class_palette(["road", "sky"])
        ([[0, 0, 0], [255, 160, 0]], [[230, 60, 40], [0, 110, 220]])
    """
    background = bool(classes) and is_background(classes[0])
    if background and len(classes) == 2:
        return [[*color] for color in TWO_CLASSES]
    return distinct_colors(len(classes), background)


def is_background(name: str) -> bool:
    """Return whether a class name says that it is the background, or nothing, as ``class 0``.

    >>> is_background("Background"), is_background("class_0"), is_background("road")
    (True, True, False)
    """
    words = re.split(r"[\W_]+", name.lower())
    return words in UNNAMED or any(BACKGROUND.match(word) for word in words)


def to_lab(colors: np.ndarray) -> np.ndarray:
    """Convert RGB colors ``(N, 3)`` to CIE L*a*b*, in which distances follow the eye."""
    rgb = np.asarray(colors, np.float32).reshape(1, -1, 3) / 255
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0]


def distinct_colors(number: int, background: bool = True) -> list[list[int]]:
    """Return colors in red, green and blue that are as distinct as possible.

    Each color is the candidate with the largest CIE L*a*b* distance to all earlier ones, to black
    and to white. So a longer palette begins with the colors of a shorter one. Black is first if
    class 0 is the background.

    >>> distinct_colors(3)
    [[0, 0, 0], [230, 60, 40], [0, 110, 220]]
    >>> distinct_colors(2, background=False)
    [[230, 60, 40], [0, 110, 220]]
    """
    colors = _colors(max(0, number - background))
    return [[*BLACK]][: number if background else 0] + [list(one) for one in colors]


@cache
def _colors(number: int) -> tuple[tuple[int, int, int], ...]:
    """Return the colors without the background."""
    levels = LEVELS if number <= 100 else tuple(range(0, 256, 17))  # more colors need more levels
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    lab, found = to_lab(grid), list(FIRST[:number])
    distance = _distance(lab, np.array([BLACK, WHITE, *found]))
    while len(found) < number:
        best = int(distance.argmax())
        found.append(tuple(grid[best].tolist()))
        distance = np.minimum(distance, _distance(lab, grid[best : best + 1]))
    return tuple(found)


def _distance(lab: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return the distance of every candidate to the nearest of some colors."""
    return np.linalg.norm(lab[:, None] - to_lab(colors)[None], axis=-1).min(1)
