# SPDX-License-Identifier: Apache-2.0
"""CutMix and MixUp: mixing of images and their labels."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Beta


def cutmix_boxes(
    batch: int,
    image_size: tuple[int, int],
    probability: float = 0.5,
    area: tuple[float, float] = (0.02, 0.4),
    aspect: tuple[float, float] = (0.3, 1 / 0.3),
) -> Tensor:
    """Draw one box per image with the given probability.

    The area of a box is U(``area``) times that of the image, its height / width is U(``aspect``).
    Boxes that do not fit into the image are drawn again. Uses torch's CPU generator, so nothing
    waits for the device.

    Args:
        batch: Number of images.
        image_size: Height and width in pixels.
        probability: Probability that an image gets a box.
        area: Smallest and largest share of the image area.
        aspect: Smallest and largest height / width.

    Returns:
        ``(batch, 4)`` int64 on the CPU: x1, y1, x2, y2 with exclusive end; all zero = no box.

    Source: UniMatch (CVPR 2023), released code.
    """
    height, width = image_size
    boxes = torch.zeros(batch, 4, dtype=torch.int64)
    for box in boxes:
        if torch.rand(()).item() >= probability:
            continue
        pixels = torch.empty(()).uniform_(*area).item() * height * width
        for _ in range(1000):  # stops even if no box fits, in a very long image
            ratio = torch.empty(()).uniform_(*aspect).item()
            box_height, box_width = int((pixels * ratio) ** 0.5), int((pixels / ratio) ** 0.5)
            y = int(torch.randint(height, ()))
            x = int(torch.randint(width, ()))
            if y + box_height <= height and x + box_width <= width:
                box.copy_(torch.tensor([x, y, x + box_width, y + box_height]))
                break
    return boxes


def _inside(cells: int, pixels: int, low: Tensor, high: Tensor) -> Tensor:
    """Return the mask of the ``cells`` grid points within ``[low, high)`` pixels: (B, cells).

    On the align-corners grid, point ``i`` is at pixel ``i (pixels - 1) / (cells - 1)``. Both sides
    are multiplied out, so the comparison is exact. A single cell is in the middle.
    """
    index = torch.arange(cells, device=low.device)
    if cells == 1:
        position, scale = (2 * index + 1) * (pixels - 1), 2
    else:
        position, scale = index * (pixels - 1), cells - 1
    return (position >= low[:, None] * scale) & (position < high[:, None] * scale)


def paste(
    target: Tensor, source: Tensor, boxes: Tensor, image_size: int | tuple[int, int]
) -> Tensor:
    """Replace the content of boxes in ``target`` by that of ``source`` at the same position.

    Works on images, label maps, confidences, and on feature maps of any stride: a feature is
    replaced if its position in the image (align-corners grid) is inside the box. For image sizes of
    ``stride * n + 1`` the result is bit-identical to upsampling the features to the image, pasting
    there and sampling back, without creating the large map.

    Args:
        target: ``(B, H, W)`` or ``(B, C, H, W)``, any dtype.
        source: Same shape.
        boxes: ``(B, 4)`` int64 x1, y1, x2, y2 in image pixels, exclusive end; all zero pastes
            nothing.
        image_size: Height and width of the image that the boxes refer to, or one number for both.

    Returns:
        A new tensor with the shape of ``target``.

    Raises:
        ValueError: If the shapes of ``target`` and ``source`` differ or ``boxes`` is not (B, 4).
    """
    if target.shape != source.shape or boxes.shape != (target.size(0), 4):
        raise ValueError(
            f"Expected target and source of the same shape and boxes of shape (B, 4), but got "
            f"{tuple(target.shape)}, {tuple(source.shape)} and {tuple(boxes.shape)}."
        )
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    boxes = boxes.to(target.device, non_blocking=True)
    rows = _inside(target.size(-2), height, boxes[:, 1], boxes[:, 3])
    columns = _inside(target.size(-1), width, boxes[:, 0], boxes[:, 2])
    box = rows[:, :, None] & columns[:, None, :]
    return torch.where(box if target.dim() == 3 else box[:, None], source, target)


class CutMix:
    """CutMix of images and their maps with the previous image in the batch.

    Args:
        boxes: Number of boxes in an image; overlapping boxes form one region.
        area: Smallest and largest share of the image for all boxes of an image together, if they do
            not overlap: each has ``1 / boxes`` of such a draw.
        probability: Probability of each box.

    Raises:
        ValueError: If a number is out of range.

    Source: the defaults are those of the released code of CPS (CVPR 2021), which are those of
        French et al. (BMVC 2020). There, overlaps are not pasted, and height / width is log-uniform
        between ``area`` and its inverse; here it is drawn as in :func:`cutmix_boxes`.
    """

    def __init__(
        self, boxes: int = 3, area: tuple[float, float] = (0.25, 0.5), probability: float = 1.0
    ) -> None:
        low, high = area
        if boxes < 1 or not 0 < low <= high <= 1 or not 0 <= probability <= 1:
            raise ValueError(
                "Expected model.cutmix to have boxes of at least 1, area of two rising shares "
                "above 0 and at most 1, and a probability from 0 to 1, but got "
                f"dict(boxes={boxes}, area={tuple(area)}, probability={probability})."
            )
        self.boxes = boxes
        self.area = (low / boxes, high / boxes)
        self.probability = probability

    def __call__(self, images: Tensor, *maps: Tensor) -> list[Tensor]:
        """Paste boxes into images ``(B, C, H, W)`` and maps ``(B, H, W)``; return new tensors."""
        size = tuple(images.shape[2:])
        mine = [images, *maps]
        others = [one.roll(1, 0) for one in mine]
        for _ in range(self.boxes):
            drawn = cutmix_boxes(len(images), size, self.probability, self.area)
            drawn = drawn.to(images.device, non_blocking=True)
            mine = [paste(*pair, drawn, size) for pair in zip(mine, others, strict=True)]
        return mine


def check_batch(images: Tensor) -> None:
    """Check that a batch has more than one image, since an image cannot be pasted into itself."""
    if len(images) < 2:
        raise ValueError(
            "Expected at least 2 unlabeled images per process, because model.cutmix pastes from "
            "another image of the batch, but got 1. Increase batch_size of train_dataloader or the "
            "share of unlabeled images in its sampler, or set model.cutmix=None."
        )


def check_pasting(dataset: Any, option: str, cure: str) -> None:
    """Check that labels are masks, since parts of images with one label cannot be pasted."""
    if dataset.labeled.image_level:
        raise ValueError(
            f"Expected masks, because {option} pastes parts of images, but "
            f"{type(dataset.labeled).__name__} has one class per image. Set {cure}."
        )


def sharpen(probability: Tensor, temperature: float) -> Tensor:
    r"""Sharpen distributions ``(B, K)`` toward their largest entries, in float32.

    .. math:: q_k = p_k^{1/T} / \sum_j p_j^{1/T}

    ``T = 1`` changes nothing, and near 0 the result is one-hot.

    Source: MixMatch (NeurIPS 2019), eq. 7.
    """
    return (probability.float().log() / temperature).softmax(1)


def draw_mixup(count: int, alpha: float) -> tuple[Tensor, Tensor]:
    """Draw the partner and the share of every image for MixUp.

    Uses torch's CPU generator, so nothing waits for the device and a resumed run draws the same
    values as an uninterrupted one.

    Returns:
        On the CPU: ``(N,)`` float32 in ``[0.5, 1]``, the share that an image keeps, and ``(N,)``
        int64, the partners: a permutation, in which an image may be its own partner.

    Source: MixMatch (NeurIPS 2019), eq. 8 and 9: ``max(lambda, 1 - lambda)``, drawn per image.
    """
    concentration = torch.tensor(float(alpha))
    share = Beta(concentration, concentration, validate_args=False).sample((count,))
    return torch.maximum(share, 1 - share), torch.randperm(count)


def mixup(values: Tensor, share: Tensor, partner: Tensor) -> Tensor:
    """Mix every row with its partner's: ``share * own + (1 - share) * other``.

    ``values`` are ``(N, ...)`` images or soft labels, ``share`` is ``(N,)`` in ``[0, 1]``, and
    ``partner`` ``(N,)`` int64 rows.

    Source: MixMatch (NeurIPS 2019), eq. 10 and 11.
    """
    share = share.to(values).view(-1, *[1] * (values.dim() - 1))
    return torch.lerp(values.index_select(0, partner), values, share)
