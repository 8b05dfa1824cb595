# SPDX-License-Identifier: Apache-2.0
"""What a mean is divided by, where a batch is spread over several processes.

Several processes average their gradients. A mean over as many pixels in each is then the mean over
the whole batch; a mean over those that count, of which one process may have more than another, is
that only if all divide by the same number.
"""

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
        ``ignore_index``; under several processes and for a cross-entropy over the labelled pixels
        also ``avg_factor``, so that all divide by the same number.
    """
    told: dict[str, int | Tensor] = {"ignore_index": ignore_index}
    if get_world_size() > 1 and getattr(loss, "avg_non_ignore", False):
        told["avg_factor"] = count_per_process(label != ignore_index)
    return told
