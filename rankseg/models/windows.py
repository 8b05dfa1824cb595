# SPDX-License-Identifier: Apache-2.0
"""Prediction by overlapping windows, with several windows per forward pass."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.released import predict_released

Network = Callable[[Tensor], Tensor]
WINDOWS_AT_ONCE = 4  # on a GPU; on a CPU, one window fills the cores and caches


def predict(
    segmentor: nn.Module, images: Tensor | Sequence[Tensor], data_samples: list | None
) -> list:
    """Predict every image at its own size; with sliding inference, windows run in batches.

    Images of one size share a forward pass. Images are never padded, so a prediction does not
    depend on the other images in the batch.

    Args:
        segmentor: Segmentor with ``test_cfg``: ``mode``, and for ``"slide"`` also ``crop_size``,
            ``stride`` and optionally ``windows_at_once``. ``evaluation="released"`` predicts as
            in :mod:`rankseg.models.released`.
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
    """Group images ``(C, H, W)`` by size; yield positions in the batch and stacked images."""
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
    if config.get("evaluation") == "released":
        return _predict_released(segmentor, images, data_samples)
    if config.get("mode") != "slide":
        with _without_tuning():
            return segmentor.predict(images, data_samples)

    def logits(windows: Tensor) -> Tensor:
        metas = [{"img_shape": windows.shape[2:]}] * len(windows)
        return segmentor.encode_decode(windows, metas)

    at_once = config.get("windows_at_once")
    averaged = slide(logits, images, config["crop_size"], config["stride"], at_once)
    return segmentor.postprocess_result(averaged, data_samples)


def _predict_released(segmentor: nn.Module, images: Tensor, data_samples: list | None) -> list:
    """Predict as in the released code; as usual, the softmax of ``seg_logits`` is a probability."""
    with _without_tuning():
        found = predict_released(segmentor, images)
    results = segmentor.postprocess_result(found, data_samples)
    if segmentor.test_cfg["mode"] == "slide":
        for one in results:  # the classes are already those of the sums themselves
            one.seg_logits.data = one.seg_logits.data.clamp(min=1e-30).log()
    return results


@contextmanager
def _without_tuning() -> Iterator[None]:
    """Keep cuDNN from trying all its algorithms for each image size that it has not seen yet.

    This pays off for training crops of one size, but not for images of many sizes.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def starts(length: int, window: int, stride: int) -> list[int]:
    """Return the first pixels of the windows along one side; the last one ends with the image.

    If the image is not longer than the window, there is one window as long as the image.
    """
    if length <= window:
        return [0]
    count = -(-(length - window) // stride) + 1
    return [min(i * stride, length - window) for i in range(count)]


def slide(
    predict: Network,
    images: Tensor,
    window: tuple[int, int],
    stride: tuple[int, int],
    at_once: int | None = None,
) -> Tensor:
    """Average the predictions of overlapping windows to ``(B, K, H, W)``.

    Gives the same positions and the same mean as mmseg's ``slide_inference``, which runs the
    windows one by one and pads each prediction to the size of the image. Images smaller than a
    window are one window.

    Args:
        predict: Function from ``(N, 3, h, w)`` windows to ``(N, K, h, w)``.
        images: ``(B, 3, H, W)``.
        window: Height and width of a window in pixels.
        stride: Vertical and horizontal step between windows, at most ``window``.
        at_once: Number of windows in one forward pass. None uses 4 on a GPU and 1 on a CPU.
    """
    wanted = f"at least 1 pixel and at most test_cfg.crop_size={tuple(window)}"
    cure = "Windows with gaps leave pixels without a prediction."
    valid = all(1 <= step <= side for step, side in zip(stride, window, strict=True))
    expect(valid, "test_cfg.stride", wanted, tuple(stride), cure)
    at_once = at_once or (1 if images.device.type == "cpu" else WINDOWS_AT_ONCE)
    total = None
    for i, y, x, logits in run_windows(predict, images, window, stride, at_once):
        if total is None:
            total = logits.new_zeros(len(images), len(logits), *images.shape[2:])
        total[i, :, y : y + logits.shape[1], x : x + logits.shape[2]] += logits
    rows, columns = map(_coverage, images.shape[2:], window, stride)
    return total.div_((rows[:, None] * columns).to(total))


def run_windows(
    predict: Network,
    images: Tensor,
    window: tuple[int, int],
    stride: tuple[int, int],
    at_once: int,
) -> Iterator[tuple[int, int, int, Tensor]]:
    """Run a network on overlapping windows; see :func:`slide` for the arguments.

    Yield index of the image, first row, first column and output ``(K, h, w)`` of each window.
    """
    height, width = (min(*sides) for sides in zip(images.shape[2:], window, strict=True))
    rows, columns = map(starts, images.shape[2:], window, stride)
    places = [(i, y, x) for i in range(len(images)) for y in rows for x in columns]
    for first in range(0, len(places), at_once):
        some = places[first : first + at_once]
        crops = torch.stack([images[i, :, y : y + height, x : x + width] for i, y, x in some])
        for place, output in zip(some, predict(crops), strict=True):
            yield *place, output


def _coverage(length: int, window: int, stride: int) -> Tensor:
    """Return the number of windows that cover each pixel along one side: ``(length,)``."""
    count = torch.zeros(length)
    for start in starts(length, window, stride):
        count[start : start + window] += 1
    return count


def ramp(length: int, overlap: int) -> Tensor:
    """Return the weight of pixels along one side of a window, ``(length,)`` in ``(0, 1]``.

    A network sees the least context at the border of its window, so its predictions there get a low
    weight where another window overlaps. The weight rises linearly over the overlap.
    """
    inside = torch.arange(1, length + 1, dtype=torch.float32)
    return (torch.minimum(inside, inside.flip(0)) / (overlap + 1)).clamp(max=1)


def blend(
    predict: Network,
    image: Tensor,
    window: tuple[int, int],
    overlap: tuple[int, int],
    at_once: int = WINDOWS_AT_ONCE,
) -> Iterator[tuple[int, Tensor]]:
    """Predict an image ``(3, H, W)`` by overlapping windows and yield its rows once they are final.

    Each pixel is the weighted mean over all windows that contain it. The mean is updated
    incrementally by every window: equal logits stay bit-identical, and at most ``K x h x W`` logits
    are held in memory for any number of rows ``H``. See :func:`slide` for the arguments; windows
    overlap by ``overlap`` pixels, less than the window.

    Yields:
        First row and float32 logits ``(K, rows, W)``, from top to bottom. The logits are a view
        that is valid until the next iteration.
    """
    if any(not 0 <= one < side for one, side in zip(overlap, window, strict=True)):
        raise ValueError(
            f"Expected the overlap of windows to be from 0 to one pixel less than their size "
            f"{tuple(window)}, but got {tuple(overlap)}. Choose a smaller overlap."
        )
    height, width = (min(*sides) for sides in zip(image.shape[1:], window, strict=True))
    stride = window[0] - overlap[0], window[1] - overlap[1]
    rows = starts(image.shape[1], window[0], stride[0])
    weight = ramp(height, overlap[0])[:, None] * ramp(width, overlap[1])
    mean = total = None
    for y, following in zip(rows, [*rows[1:], None], strict=True):
        strip = image[None, :, y : y + height]
        for _, _, x, logits in run_windows(predict, strip, window, stride, at_once):
            if mean is None:
                mean = torch.zeros(len(logits), height, image.shape[2], device=logits.device)
                total, weight = mean.new_zeros(mean.shape[1:]), weight.to(mean)
            here = total[:, x : x + width].add_(weight)
            mean[:, :, x : x + width].lerp_(logits.float(), weight / here)
        done = height if following is None else following - y
        yield y, mean[:, :done]
        for kept in (mean, total):
            kept[..., : height - done, :] = kept[..., done:, :].clone()
            kept[..., height - done :, :] = 0
