# SPDX-License-Identifier: Apache-2.0
"""Sizes, channels and bit depths of the images of a folder."""

from collections import Counter
from collections.abc import Sequence

from rankseg.datasets.file_checks import Files, Found
from rankseg.imageio.bands import Channels
from rankseg.imageio.intensity import ValueCounts
from rankseg.imageio.reading import ImageInfo, decode_image, look_at

_WORDS = {(1, 0): "gray", (2, 1): "gray with transparency", (3, 0): "color",
          (4, 1): "color with transparency"}  # fmt: skip


def look_at_image(files: Files, decode: bool, counts: ValueCounts, channels: Channels) -> Found:
    """Read the properties of an image, for :class:`~rankseg.datasets.file_checks.FileValidator`.

    Args:
        files: Path of the image.
        decode: Decode all pixels even if the image has 8 bits.
        counts: Collects the pixel values if the image has more than 8 bits.
        channels: Selected bands.

    Returns:
        An :class:`~rankseg.imageio.reading.ImageInfo`.

    Raises:
        ValueError, OSError: Same as ``look_at``.
    """
    info = look_at(files[0], decode=False)
    if info.deep:
        counts.add([decode_image(files[0], channels)])
    elif decode:
        decode_image(files[0], channels)
    return list(info)


def describe_images(looks: Sequence[ImageInfo]) -> str:
    """Describe sizes, channels and bits in a line, such as ``512x512 pixels, gray, 8 bits``."""
    sizes = Counter((look.width, look.height) for look in looks)
    if len(sizes) == 1:
        size = "{}x{}".format(*next(iter(sizes)))
    else:
        low, high = (f(sizes, key=lambda one: one[0] * one[1]) for f in (min, max))
        size = "{}x{} to {}x{}".format(*low, *high)
    kinds = Counter((look.bands, look.alpha, look.bits) for look in looks)
    words = [
        f"{_WORDS.get((bands, alpha), f'{bands} bands')}, {bits} bit{'s' * (bits > 1)}"
        + (f" ({count})" if len(kinds) > 1 else "")
        for (bands, alpha, bits), count in kinds.most_common()
    ]
    return f"{size} pixels, {' and '.join(words)}"
