# SPDX-License-Identifier: Apache-2.0
"""Union of several masks of one image, such as one mask per object."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rankseg.errors import FileError
from rankseg.projects.mask_codes import COLOUR, Codes, read_codes

MOST_SHARED = 0.5  # largest share of pixels that two different objects may share


def read_joined(paths: Sequence[str | Path]) -> Codes:
    """Read several masks of one image and merge their foreground pixels.

    Background is black, or 0. Masks of different kinds are merged by color.

    Raises:
        FileError: If a mask cannot be read, sizes differ, or a pixel has two classes.
    """
    masks = [read_codes(path) for path in paths]
    for path, mask in zip(paths, masks, strict=True):
        if mask.values.shape != masks[0].values.shape:
            a, b = (f"{one.values.shape[1]}x{one.values.shape[0]}" for one in (masks[0], mask))
            raise FileError(
                f"Expected masks of one image to have one size, but {paths[0]} is {a} and {path} "
                f"is {b}. Save both with the size of the image."
            )
    kind, colours = masks[0].kind, masks[0].colours
    alike = all(mask.kind == kind and np.array_equal(mask.colours, colours) for mask in masks)
    layers = [mask.values if alike else mask.as_colours() for mask in masks]
    result = layers[0].copy()
    for path, layer in zip(paths[1:], layers[1:], strict=True):
        clash = (layer != 0) & (result != 0) & (layer != result)
        if clash.any():
            row, column = np.argwhere(clash)[0]
            raise FileError(
                f"Expected masks of one image to agree, but {path} has another class than "
                f"{paths[0]} or one after it in {clash.sum()} pixels, first at column {column}, "
                f"row {row}. Keep one mask for the image, with another value for every class."
            )
        same = ((layer != 0) & (result != 0)).mean()
        if same > MOST_SHARED and not np.array_equal(layer, result):
            raise FileError(
                f"Expected masks of one image to be of different objects on a background of 0, but "
                f"{same:.0%} of the pixels are foreground both in {path} and before it. If the "
                "background is white, invert the masks; else keep one of them."
            )
        np.copyto(result, layer, where=layer != 0)
    return Codes(kind, result, colours) if alike else Codes(COLOUR, result)
