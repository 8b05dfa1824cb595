# SPDX-License-Identifier: Apache-2.0
"""Squared difference between two predictions."""

import torch
from torch import Tensor

from rankseg.models.losses.counting import count_per_process


def probability_consistency(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    r"""Compute the mean squared difference of two softmax predictions.

    The mean is over classes and *valid* pixels.

    .. math::
        \ell = \sum_i v_i \frac{1}{K} \lVert softmax(z_i) - softmax(t_i) \rVert^2
               \;/\; \max(1, \sum_i v_i)

    Args:
        logits: ``(B, K, H, W)`` before softmax; the only input that receives a gradient.
        target: ``(B, K, H, W)`` logits of the other prediction.
        valid: ``(B, H, W)`` bool, false for padding.

    Returns:
        ``()`` float32 in ``[0, 2 / K]``; 0 if no pixel is valid.

    Raises:
        ValueError: If the maps differ in size.

    Source: Mean Teacher (NeurIPS 2017), section 2, with the mean over classes of its released code.
    """
    if not logits.shape == target.shape or logits.shape[:1] + logits.shape[2:] != valid.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)}, target {tuple(target.shape)} and valid "
            f"{tuple(valid.shape)} must agree in batch, classes, height and width"
        )
    with torch.autocast(logits.device.type, enabled=False):
        difference = logits.float().softmax(1) - target.detach().float().softmax(1)
        error = difference.square().mean(1)
    return (error * valid).sum() / count_per_process(valid)
