# SPDX-License-Identifier: Apache-2.0
"""Prediction of an image of any size by windows whose seams are blended, a band at a time."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from rankseg.models.sliding import WINDOWS_AT_ONCE, starts


def ramp(length: int, overlap: int) -> Tensor:
    """Weight of every pixel along one side of a window: 1 in the middle, less toward its ends.

    A network sees least around the pixels at the border of its window, and what it says of them
    counts least where another window says more.

    Args:
        length: Side of the window in pixels.
        overlap: Pixels over which the weight rises in a line, as many as windows share.

    Returns:
        ``(length,)`` in ``(0, 1]``.
    """
    inside = torch.arange(1, length + 1, dtype=torch.float32)
    return (torch.minimum(inside, inside.flip(0)) / (overlap + 1)).clamp(max=1)


def blend(
    predict: Callable[[Tensor], Tensor],
    image: Tensor,
    window: tuple[int, int],
    overlap: tuple[int, int],
    at_once: int = WINDOWS_AT_ONCE,
) -> Iterator[tuple[int, Tensor]]:
    """Predict an image by overlapping windows, and give its rows as they are finished.

    A pixel gets the weighted mean of what all windows say that hold it. The mean is kept as such,
    and every further window draws it to itself: equal logits stay what they are to the last bit,
    and no more than ``K x h x W`` logits are held for an image of ``H`` rows.

    Args:
        predict: From ``(N, 3, h, w)`` windows to ``(N, K, h, w)`` logits.
        image: ``(3, H, W)`` of any type.
        window: Height and width of a window in pixels; a side that is longer than the image's
            becomes that.
        overlap: Pixels that windows share, down and to the right: at least 0, less than the window.
        at_once: Windows in one forward pass.

    Yields:
        First row and float32 logits ``(K, rows, W)``, from the top down; a view that holds until
        the next is asked for.

    Raises:
        ValueError: If windows do not go on.
    """
    if any(not 0 <= one < side for one, side in zip(overlap, window, strict=True)):
        raise ValueError(f"windows of {window} cannot overlap by {overlap} pixels")
    height, width = (min(*sides) for sides in zip(image.shape[1:], window, strict=True))
    lines = starts(image.shape[1], height, window[0] - overlap[0])
    columns = starts(image.shape[2], width, window[1] - overlap[1])
    weight = ramp(height, overlap[0])[:, None] * ramp(width, overlap[1])
    mean = total = None
    for y, following in zip(lines, [*lines[1:], None], strict=True):
        for first in range(0, len(columns), at_once):
            some = columns[first : first + at_once]
            crops = torch.stack([image[:, y : y + height, x : x + width] for x in some])
            found = predict(crops).float()
            if mean is None:
                mean = found.new_zeros(found.shape[1], height, image.shape[2])
                total, weight = mean.new_zeros(mean.shape[1:]), weight.to(mean)
            for x, logits in zip(some, found, strict=True):
                here = total[:, x : x + width].add_(weight)
                mean[:, :, x : x + width].lerp_(logits, weight / here)
        done = height if following is None else following - y
        yield y, mean[:, :done]
        for kept in (mean, total):
            kept[..., : height - done, :] = kept[..., done:, :].clone()
            kept[..., height - done :, :] = 0
