# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy against confident pseudo-labels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from rankseg.models.losses.counting import count_per_process


def pixel_consistency(
    logits: Tensor, label: Tensor, confidence: Tensor, valid: Tensor, threshold: float | Tensor
) -> Tensor:
    r"""Compute the cross-entropy of confident pixels, divided by the number of *valid* pixels.

    .. math::
        \ell = \sum_i CE(z_i, y_i) \, [c_i \ge \tau] \, v_i \;/\; \max(1, \sum_i v_i)

    The loss stays small while few pixels are confident. In distributed training all processes
    divide by the mean of their numbers, so that the mean of their losses is the loss of the whole
    batch.

    Args:
        logits: ``(B, K, H, W)`` before softmax; the only input that receives a gradient.
        label: ``(B, H, W)`` int64 in ``[0, K)``; ignored if ``valid`` is false.
        confidence: ``(B, H, W)`` float in ``[0, 1]``.
        valid: ``(B, H, W)`` bool (or 0/1), false for padding.
        threshold: Minimum confidence ``tau`` in ``[0, 1]`` (inclusive), or one value per pixel,
            ``(B, H, W)``.

    Returns:
        ``()`` float32, in nats per valid pixel; 0 when nothing is confident or nothing is valid.

    Raises:
        ValueError: If maps and logits differ in size.

    Source: UniMatch (CVPR 2023), eq. 2, with the denominator of its released code.
    """
    if not logits.shape[:1] + logits.shape[2:] == label.shape == confidence.shape == valid.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)}, label {tuple(label.shape)}, confidence "
            f"{tuple(confidence.shape)} and valid {tuple(valid.shape)} must agree in batch, height "
            "and width: resize the logits to the label"
        )
    valid = valid.bool()
    used = (confidence >= threshold) & valid
    target = label.masked_fill(~used, -100)
    with torch.autocast(logits.device.type, enabled=False):
        total = F.cross_entropy(logits.float(), target, ignore_index=-100, reduction="sum")
    return total / count_per_process(valid)
