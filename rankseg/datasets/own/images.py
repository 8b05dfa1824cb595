# SPDX-License-Identifier: Apache-2.0
"""What the images of a folder are: sizes, channels, bits."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from rankseg.datasets.checks import look_at
from rankseg.datasets.intensity import HIGH, LOW
from rankseg.datasets.looking import Files, Found

_CHANNELS = {"1": 1, "L": 1, "P": 3, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4, "YCbCr": 3}
UNKNOWN = "?"


class ImageLook(NamedTuple):
    """What one look at an image found.

    Attributes:
        height: Pixels.
        width: Pixels.
        orientation: EXIF orientation, 1 is upright.
        channels: As stored; 0 if not known.
        bits: A channel.
        low: Of an image of 16 bits that was decoded the percentile 0.1 of its values, else 0.
        high: The percentile 99.9, likewise.
    """

    height: int
    width: int
    orientation: int
    channels: int
    bits: int
    low: int
    high: int


def look_at_image(files: Files, decode: bool) -> Found:
    """One look at an image, for :class:`~rankseg.datasets.looking.Look`; errors as ``look_at``."""
    height, width, orientation = look_at(files[0], decode)
    channels, bits, ends = 0, 8, (0, 0)
    try:
        with Image.open(files[0]) as image:
            channels = _CHANNELS.get(image.mode, 0)
            if image.mode.startswith("I"):
                channels, bits = 1, 16
                ends = np.percentile(np.asarray(image), (LOW, HIGH)) if decode else ends
    except UnidentifiedImageError:  # of a kind that OpenCV alone knows
        pass
    return [height, width, orientation, channels, bits, *map(round, ends)]


def describe_images(looks: Sequence[ImageLook]) -> str:
    """Sizes, channels and bits in a line, such as ``512x512 pixels, grey, 8 bits``."""
    sizes = Counter((look.width, look.height) for look in looks)
    if len(sizes) == 1:
        size = "{}x{}".format(*next(iter(sizes)))
    else:
        low, high = (f(sizes, key=lambda one: one[0] * one[1]) for f in (min, max))
        size = "{}x{} to {}x{}".format(*low, *high)
    names = {1: "grey", 2: "grey with transparency", 3: "colour", 4: "colour, 4 channels"}
    kinds = Counter((look.channels, look.bits) for look in looks)
    words = [
        f"{names.get(channels, 'of a kind that only OpenCV reads')}, {bits} bits"
        + (f" ({count})" if len(kinds) > 1 else "")
        for (channels, bits), count in kinds.most_common()
    ]
    return f"{size} pixels, {' and '.join(words)}"


def value_range(looks: Sequence[ImageLook]) -> tuple[int, int] | None:
    """Values of images of 16 bits that become black and white, one rule for all of them.

    Returns:
        The lowest and the highest percentile of the images that were decoded; None if there is no
        image of 16 bits, or nothing to see in them.
    """
    deep = [look for look in looks if look.bits == 16 and look.high]
    ends = min((look.low for look in deep), default=0), max((look.high for look in deep), default=0)
    return ends if ends[0] < ends[1] else None
