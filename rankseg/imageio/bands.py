# SPDX-License-Identifier: Apache-2.0
"""Selection of the bands that become red, green and blue in multi-band images."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from rankseg.errors import FileError

Channels = Sequence[int] | None
"""One or three band numbers, counted from 1; None for the default."""


def check_channels(channels: object, name: str = "channels") -> tuple[int, ...] | None:
    """Check a selection of bands.

    Args:
        channels: One or three band numbers, counted from 1, or None for the default.
        name: Name of the option, for messages.

    Raises:
        ValueError: If it is anything else.

    >>> check_channels([4, 2, 1])
    (4, 2, 1)
    """
    if channels is None:
        return None
    numbers = tuple(channels) if isinstance(channels, Sequence) else (channels,)
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in numbers)
    if not whole or len(numbers) not in (1, 3):
        raise ValueError(
            f"Expected {name} to be one or three band numbers counted from 1, such as (4, 2, 1), "
            f"but got {channels!r}."
        )
    return numbers


def used_bands(bands: int, alpha: bool, channels: Sequence[int] | None) -> list[int]:
    """Return the numbers, from 1, of the bands that become gray or red, green and blue.

    Args:
        bands: Number of samples per pixel.
        alpha: Whether the last sample is transparency.
        channels: Selected bands, if any.

    >>> used_bands(4, False, None), used_bands(2, False, None), used_bands(4, False, (4, 2, 1))
    ([1, 2, 3], [1], [4, 2, 1])
    """
    if channels is not None:
        return list(channels)
    return [1, 2, 3] if bands - alpha >= 3 else [1]


def choose_bands(
    values: np.ndarray,
    channels: Sequence[int] | None = None,
    alpha: int | None = None,
    name: str = "the image",
) -> np.ndarray:
    """Select the bands that become gray or red, green and blue.

    Args:
        values: ``(H, W)`` or ``(H, W, C)``.
        channels: One or three band numbers, counted from 1. By default the first three bands, or
            the first of two, without transparency.
        alpha: Position of the transparency band; None if there is none.
        name: Name of the image, for messages.

    Returns:
        ``(H, W)`` or ``(H, W, 3)``.

    Raises:
        FileError: If the image does not have a selected band.
    """
    values = values[..., None] if values.ndim == 2 else values
    bands = values.shape[2]
    if channels is not None and max(channels) > bands:
        raise FileError(
            f"Expected {name} to have band {max(channels)} for channels={tuple(channels)}, but got "
            f"{bands} band{'s' * (bands > 1)}. Choose other bands, or remove it from the lists."
        )
    if channels is None and alpha is not None:
        values = np.delete(values, alpha, axis=2)
        bands, alpha = bands - 1, None
    chosen = used_bands(bands, False, channels)
    if chosen != list(range(1, bands + 1)):
        values = values[..., [number - 1 for number in chosen]]
    return values[..., 0] if len(chosen) == 1 else values


def describe_bands(
    images: Iterable[tuple[int, bool]], channels: Sequence[int] | None, option: str
) -> list[str]:
    """Describe the unused bands of images with more bands than gray or RGB.

    Args:
        images: For every image, the number of stored bands and whether one is transparency.
        channels: Selected bands, if any.
        option: Name of the option that selects bands; for a command-line option the text contains
            an example.

    >>> describe_bands([(4, False)] * 2, None, "--channels")
    ['2 images have 4 bands: 1, 2, 3 are used, 4 is not (--channels 4 2 1 chooses others)']
    """
    lines = []
    for (bands, alpha), count in Counter((int(n), bool(a)) for n, a in images).items():
        used = used_bands(bands, alpha, channels)
        left = [n for n in range(1, bands + 1) if n not in used]
        if not left:
            continue
        have = f"{count} images have" if count > 1 else "1 image has"
        example = {2: " 2", 3: " 3"}.get(bands, " 4 2 1") if option.startswith("--") else ""
        if alpha and channels is None and left == [bands]:
            lines.append(
                f"{have} an alpha channel (transparency), band {bands}, which is not used "
                f"({option}{example} chooses it)"
            )
            continue
        lines.append(
            f"{have} {bands} bands: {_numbers(used)} used, {_numbers(left)} not ({option}{example} "
            "chooses others)"
        )
    return lines


def _numbers(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers))} {'are' if len(numbers) > 1 else 'is'}"
