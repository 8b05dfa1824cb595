# SPDX-License-Identifier: Apache-2.0
"""Prediction of images of any size by overlapping windows with blended seams."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from rankseg.models.sliding import WINDOWS_AT_ONCE, starts


def ramp(length: int, overlap: int) -> Tensor:
    """Return the weight of pixels along one side of a window: 1 in the middle, less at the ends.

    A network sees the least context at the border of its window, so its predictions there get a low
    weight where another window overlaps.

    Args:
        length: Side of the window in pixels.
        overlap: Overlap of the windows in pixels, over which the weight rises linearly.

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
    """Predict an image by overlapping windows and yield its rows once they are final.

    Each pixel is the weighted mean over all windows that contain it. The mean is updated
    incrementally by every window: equal logits stay bit-identical, and at most ``K x h x W`` logits
    are held in memory, whatever the number of rows ``H``.

    Args:
        predict: Function from ``(N, 3, h, w)`` windows to ``(N, K, h, w)`` logits.
        image: ``(3, H, W)`` of any type.
        window: Height and width of a window in pixels, limited to the size of the image.
        overlap: Vertical and horizontal overlap of windows in pixels: at least 0, less than the
            window.
        at_once: Number of windows in one forward pass.

    Yields:
        First row and float32 logits ``(K, rows, W)``, from top to bottom. The logits are a view
        that is valid until the next iteration.

    Raises:
        ValueError: If the overlap leaves no positive step between windows.
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
