# SPDX-License-Identifier: Apache-2.0
"""The losses of mmseg heads, without the parts that wait for the device."""

import torch
from mmseg.models.losses import CrossEntropyLoss, DiceLoss
from mmseg.models.losses.dice_loss import dice_loss
from torch import Tensor, nn

from rankseg.models.losses.counting import constant, which_count


def labeled_loss(
    loss: nn.Module, logits: Tensor, label: Tensor, weight: Tensor | None, ignore_index: int
) -> Tensor:
    """Compute a loss of an mmseg head, with the value that mmseg computes.

    mmseg's cross-entropy copies its class weights to the device in every step, and its Dice loss
    selects classes by a mask; both make the host wait. Other losses run as they are. ``logits`` are
    ``(B, K, H, W)`` float32, ``label`` and the ``weight`` of a pixel sampler ``(B, H, W)``.
    """
    options = which_count(loss, label, ignore_index)
    if type(loss) is DiceLoss:
        return _dice(loss, logits, label, weight)
    if (
        type(loss) is CrossEntropyLoss
        and loss.class_weight is not None
        and not (loss.use_sigmoid or loss.use_mask)
    ):
        return loss.loss_weight * loss.cls_criterion(
            logits,
            label,
            weight,
            class_weight=constant(loss.class_weight, label.device).to(logits.dtype),
            reduction=loss.reduction,
            avg_non_ignore=loss.avg_non_ignore,
            **options,
        )
    return loss(logits, label, weight=weight, **options)


def _dice(loss: DiceLoss, logits: Tensor, label: Tensor, weight: Tensor | None) -> Tensor:
    """Compute mmseg's Dice loss; its ``ignore_index`` is a class to leave out."""
    left_out, classes = loss.ignore_index, logits.shape[1]
    number = torch.arange(classes, device=label.device)
    target = label.unsqueeze(1) == number.view(-1, 1, 1)
    if loss.activate:
        logits = logits.sigmoid() if loss.use_sigmoid else logits.softmax(1)
    if left_out is not None and 0 <= left_out < classes:
        logits, target = (
            torch.cat((one[:, :left_out], one[:, left_out + 1 :]), 1) for one in (logits, target)
        )
    return loss.loss_weight * dice_loss(
        logits,
        target,
        weight,
        eps=loss.eps,
        reduction=loss.reduction,
        naive_dice=loss.naive_dice,
        ignore_index=None,
    )
