# SPDX-License-Identifier: Apache-2.0
"""Prediction by overlapping windows, with several windows per forward pass."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

WINDOWS_AT_ONCE = 4  # on a GPU; on a CPU, one window fills the cores and caches


def predict(
    segmentor: nn.Module, images: Tensor | Sequence[Tensor], data_samples: list | None
) -> list:
    """Predict every image at its own size; with sliding inference, windows run in batches.

    Images of one size share a forward pass. Images are never padded, so a prediction does not
    depend on the other images in the batch.

    Args:
        segmentor: Segmentor with ``test_cfg``: ``mode``, and for ``"slide"`` also ``crop_size``,
            ``stride`` and optionally ``windows_at_once``.
        images: ``(B, 3, H, W)``, or a list of ``(3, H, W)`` of any sizes.
        data_samples: Samples as for mmseg's ``predict``, or None.

    Returns:
        The results of the segmentor's own ``predict``, one sample per image, in order.
    """
    results: list = [None] * len(images)
    for places, same in by_size(images):
        samples = None if data_samples is None else [data_samples[place] for place in places]
        found = _predict_one_size(segmentor, same, samples)
        for place, result in zip(places, found, strict=True):
            results[place] = result
    return results


def by_size(images: Tensor | Sequence[Tensor]) -> Iterator[tuple[list[int], Tensor]]:
    """Group images by size and stack each group.

    Args:
        images: ``(B, C, H, W)``, or a list of ``(C, H, W)`` of any sizes.

    Yields:
        The positions in the batch of the images of one size, and these images, ``(b, C, H, W)``.
    """
    if isinstance(images, Tensor):
        yield list(range(len(images))), images
        return
    places = defaultdict(list)
    for place, image in enumerate(images):
        places[image.shape].append(place)
    for same in places.values():
        yield same, torch.stack([images[place] for place in same])


def _predict_one_size(segmentor: nn.Module, images: Tensor, data_samples: list | None) -> list:
    """Predict ``(B, 3, H, W)`` images in one forward pass, or window by window."""
    config = segmentor.test_cfg
    if config.get("mode") != "slide":
        return segmentor.predict(images, data_samples)

    def logits(windows: Tensor) -> Tensor:
        metas = [{"img_shape": windows.shape[2:]}] * len(windows)
        return segmentor.encode_decode(windows, metas)

    at_once = config.get("windows_at_once")
    averaged = slide(logits, images, config["crop_size"], config["stride"], at_once)
    return segmentor.postprocess_result(averaged, data_samples)


def starts(length: int, window: int, stride: int) -> list[int]:
    """Return the first pixels of the windows along one side; the last one ends with the image.

    If the image is not longer than the window, there is one window as long as the image.
    """
    if length <= window:
        return [0]
    count = -(-(length - window) // stride) + 1
    return [min(i * stride, length - window) for i in range(count)]


def slide(
    predict: Callable[[Tensor], Tensor],
    images: Tensor,
    window: tuple[int, int],
    stride: tuple[int, int],
    at_once: int | None = None,
) -> Tensor:
    """Average the predictions of overlapping windows.

    Gives the same positions and the same mean as mmseg's ``slide_inference``, which runs the
    windows one by one and pads each prediction to the size of the image.

    Args:
        predict: Function from ``(N, 3, h, w)`` windows to ``(N, K, h, w)``.
        images: ``(B, 3, H, W)``.
        window: Height and width of a window in pixels; smaller images are one window.
        stride: Vertical and horizontal step between windows, at most ``window``.
        at_once: Number of windows in one forward pass. None uses 4 on a GPU and 1 on a CPU.

    Returns:
        ``(B, K, H, W)``.

    Raises:
        ValueError: If the stride is larger than the window, since pixels would have no prediction.
    """
    if any(step > side or step < 1 for step, side in zip(stride, window, strict=True)):
        raise ValueError(
            f"test_cfg.stride={tuple(stride)} with test_cfg.crop_size={tuple(window)}: expected "
            "steps of at least 1 pixel and at most the window, or pixels between windows would "
            "have no prediction"
        )
    at_once = at_once or (WINDOWS_AT_ONCE if images.is_cuda else 1)
    height, width = (min(*sides) for sides in zip(images.shape[2:], window, strict=True))
    rows = starts(images.shape[2], height, stride[0])
    columns = starts(images.shape[3], width, stride[1])
    places = [(b, y, x) for b in range(len(images)) for y in rows for x in columns]
    total = None
    for some in _chunks(places, at_once):
        crops = torch.stack([images[b, :, y : y + height, x : x + width] for b, y, x in some])
        for (b, y, x), logits in zip(some, predict(crops), strict=True):
            if total is None:
                total = logits.new_zeros(len(images), len(logits), *images.shape[2:])
            total[b, :, y : y + height, x : x + width] += logits
    count = _coverage(images.shape[2], rows, height)[:, None] * _coverage(
        images.shape[3], columns, width
    )
    return total.div_(count.to(total))


def _coverage(length: int, first: list[int], window: int) -> Tensor:
    """Return the number of windows that cover each pixel along one side: ``(length,)``."""
    count = torch.zeros(length)
    for start in first:
        count[start : start + window] += 1
    return count


def _chunks(items: list, size: int) -> Iterator[list]:
    """Split a list into pieces of at most ``size`` items."""
    for first in range(0, len(items), size):
        yield items[first : first + size]
