# SPDX-License-Identifier: Apache-2.0
"""Prediction as in the released code of UniMatch and RankMatch.

``test_cfg=dict(..., evaluation="released")`` predicts an image as their authors did, to compare a
converted checkpoint with its published mIoU. It differs from our prediction in two ways:

- Coarse maps are stretched to the size of the image. If a side of the image is not a multiple of 16
  plus 1, the prediction is shifted by up to 15 pixels at the far edges.
- Sliding windows are cut at the edges of the image, so the last ones are smaller than the others,
  and the probabilities of overlapping windows are added up. Ours shift the last windows inwards, so
  that all have the size of the training crops, and average the logits.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.models.heads import DeepLabV3PlusHead


@contextmanager
def stretched(head: nn.Module) -> Iterator[None]:
    """Let a head stretch its maps; heads of mmseg always do."""
    if not isinstance(head, DeepLabV3PlusHead):
        yield
        return
    before, head.stretch = head.stretch, True
    try:
        yield
    finally:
        head.stretch = before


def predict_released(segmentor: nn.Module, images: Tensor) -> Tensor:
    """Predict images ``(B, 3, H, W)`` as in the released code, whole or by windows of ``test_cfg``.

    Returns:
        ``(B, K, H, W)``: logits of whole images, or summed probabilities of windows.

    Source: UniMatch (CVPR 2023), released code.
    """
    config, head = segmentor.test_cfg, segmentor.decode_head
    with stretched(head):
        if config["mode"] == "whole":
            return _logits(segmentor, images)
        total = 0.0
        height, width = images.shape[2:]
        for top in range(0, height, config["stride"][0]):
            for left in range(0, width, config["stride"][1]):
                window = images[..., top:, left:]
                window = window[..., : config["crop_size"][0], : config["crop_size"][1]]
                share = _logits(segmentor, window).softmax(1)
                right, bottom = width - left - share.shape[3], height - top - share.shape[2]
                total = total + F.pad(share, (left, right, top, bottom))
        return total


def _logits(segmentor: nn.Module, images: Tensor) -> Tensor:
    """Return logits at the size of the images, stretched, in float32."""
    with torch.autocast(images.device.type, enabled=False):
        logits = segmentor.decode_head(segmentor.extract_feat(images))
    align = segmentor.decode_head.align_corners
    return F.interpolate(logits.float(), images.shape[2:], mode="bilinear", align_corners=align)
