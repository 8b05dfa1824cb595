# SPDX-License-Identifier: Apache-2.0
"""What a mean is divided by, where a batch is spread over several processes.

Several processes average their gradients. A mean over as many pixels in each is then the mean over
the whole batch; a mean over those that count, of which one process may have more than another, is
that only if all divide by the same number.
"""

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn


@torch.no_grad()
def count_per_process(mask: Tensor) -> Tensor:
    """How many entries of a mask are true: ``()``, the mean over all processes.

    Args:
        mask: Bool, of any shape; all processes must call this equally often.

    Returns:
        In one process the number itself, int64 and at least 1. In ``W`` of them a float32 of at
        least ``1 / W``.
    """
    count = mask.sum()
    if get_world_size() == 1:
        return count.clamp(min=1)
    all_reduce(count)
    return count.clamp(min=1) / get_world_size()


def which_count(loss: nn.Module, label: Tensor, ignore_index: int) -> dict[str, int | Tensor]:
    """Arguments that tell a loss of mmseg which pixels count, and by what to divide.

    Args:
        loss: Any loss of a head.
        label: ``(B, ...)`` int64.
        ignore_index: Label that does not count.

    Returns:
        ``ignore_index``; for a cross-entropy over the labeled pixels also ``avg_factor``, so that
        all processes divide by the same number: labeled pixels, or the weights of their classes.
        mmseg's own count waits for the device, and does not work with weights of classes.
    """
    told: dict[str, int | Tensor] = {"ignore_index": ignore_index}
    if getattr(loss, "avg_non_ignore", False) and not getattr(loss, "use_sigmoid", False):
        labelled = label != ignore_index
        weights = getattr(loss, "class_weight", None)
        told["avg_factor"] = (
            count_per_process(labelled)
            if weights is None
            else _weight_per_process(label, labelled, weights)
        )
    return told


def _weight_per_process(label: Tensor, labelled: Tensor, weights: Sequence[float]) -> Tensor:
    """Sum of the class weights of all labeled pixels: ``()`` float32, the mean over processes."""
    each = torch.tensor(weights).to(label.device, non_blocking=True)
    weight = each[label.where(labelled, 0)]
    total = (weight * labelled).sum()
    all_reduce(total)
    return total / get_world_size()
