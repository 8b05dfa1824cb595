# SPDX-License-Identifier: Apache-2.0
"""Consistency losses: outputs compared with hard or soft targets."""

import torch
import torch.nn.functional as F
from torch import Tensor

from rankseg.models.losses.counting import count_per_process


def pixel_consistency(
    logits: Tensor,
    label: Tensor,
    confidence: Tensor,
    valid: Tensor,
    threshold: float | Tensor,
    class_weight: Tensor | None = None,
    probability: Tensor | None = None,
) -> Tensor:
    r"""Compute the cross-entropy of confident pixels, divided by the number of *valid* pixels.

    .. math::
        \ell = \sum_i w_{y_i} CE(z_i, y_i) \, [c_i \ge \tau] \, v_i \;/\; \max(1, \sum_i v_i)

    With probabilities :math:`p_i` as targets, :math:`-\sum_k w_k p_{ik} \log softmax(z_i)_k` is in
    place of :math:`w_{y_i} CE(z_i, y_i)`.

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
        class_weight: ``(K,)`` weight ``w`` of each class, at least 0; None weighs all by 1.
        probability: ``(B, K, H, W)`` probabilities as targets, soft labels; None takes ``label``.

    Returns:
        ``()`` float32, in nats per valid pixel; 0 when nothing is confident or nothing is valid.

    Raises:
        ValueError: If maps and logits differ in size, or probabilities and logits in shape.

    Source: UniMatch (CVPR 2023), eq. 2, with the denominator of its released code. Class weights
        and soft labels are ours.
    """
    if not logits.shape[:1] + logits.shape[2:] == label.shape == confidence.shape == valid.shape:
        raise ValueError(
            "Expected logits, label, confidence and valid of one batch size, height and width, but "
            f"got {tuple(logits.shape)}, {tuple(label.shape)}, {tuple(confidence.shape)} and "
            f"{tuple(valid.shape)}. Resize the logits to the label."
        )
    if probability is not None and probability.shape != logits.shape:
        raise ValueError(
            "Expected logits and probability of one shape, but got "
            f"{tuple(logits.shape)} and {tuple(probability.shape)}."
        )
    weight = None if class_weight is None else class_weight.float()
    valid = valid.bool()
    used = (confidence >= threshold) & valid
    with torch.autocast(logits.device.type, enabled=False):
        if probability is None:
            target = label.masked_fill(~used, -100)
            total = F.cross_entropy(
                logits.float(), target, weight, ignore_index=-100, reduction="sum"
            )
        else:  # targets of zero have no loss and no gradient
            target = probability.float().masked_fill(~used[:, None], 0)
            total = F.cross_entropy(logits.float(), target, weight, reduction="sum")
    return total / count_per_process(valid)


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
            "Expected logits, target and valid of one batch size, height and width, but got "
            f"{tuple(logits.shape)}, {tuple(target.shape)} and {tuple(valid.shape)}."
        )
    with torch.autocast(logits.device.type, enabled=False):
        difference = logits.float().softmax(1) - target.detach().float().softmax(1)
        error = difference.square().mean(1)
    return (error * valid).sum() / count_per_process(valid)


def soft_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute the cross-entropy with a distribution as target, averaged over all rows.

    Args:
        logits: ``(B, K)``; the only input that receives a gradient.
        target: ``(B, K)`` probabilities.
        weight: ``(B,)`` weight of each row; the mean is still over all rows.

    Returns:
        ``()`` float32, in nats.
    """
    with torch.autocast(logits.device.type, enabled=False):
        rows = -(target.detach().float() * F.log_softmax(logits.float(), 1)).sum(1)
    return (rows if weight is None else rows * weight).mean()


def soft_squared_error(logits: Tensor, target: Tensor) -> Tensor:
    r"""Compute the mean squared difference, over rows and classes, to target probabilities.

    .. math:: \ell = \frac{1}{B K} \sum_i \lVert softmax(z_i) - q_i \rVert^2

    Args:
        logits: ``(B, K)``; the only input that receives a gradient.
        target: ``(B, K)`` probabilities ``q``.

    Returns:
        ``()`` float32 in ``[0, 2 / K]``.

    Source: MixMatch (NeurIPS 2019), eq. 4.
    """
    with torch.autocast(logits.device.type, enabled=False):
        return F.mse_loss(logits.float().softmax(1), target.detach().float())
