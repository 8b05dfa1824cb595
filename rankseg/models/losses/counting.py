# SPDX-License-Identifier: Apache-2.0
"""Denominators of means when a batch is distributed over several processes.

Distributed training averages gradients over processes. For a mean over equally many pixels in each
process, this gives the mean over the whole batch. For a mean over selected pixels, whose number
differs between processes, it does so only if all processes divide by the same number.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn

_alone = False


@contextmanager
def counting_alone() -> Iterator[None]:
    """Count in this process only, for a loss that the other processes do not compute."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


def _processes() -> int:
    """Return the number of processes that count together."""
    return 1 if _alone else get_world_size()


@torch.no_grad()
def count_per_process(mask: Tensor) -> Tensor:
    """Count the True entries of a mask: ``()``, averaged over all processes, which all call this.

    Returns:
        With one process the number itself, int64 and at least 1. With ``W`` processes a float32 of
        at least ``1 / W``.
    """
    count = mask.sum()
    if _processes() == 1:
        return count.clamp(min=1)
    all_reduce(count)
    return count.clamp(min=1) / get_world_size()


def constant(values: Sequence[float] | float, device: torch.device) -> Tensor:
    """Return numbers as a float32 tensor on a device, without waiting for the device."""
    return torch.as_tensor(values, dtype=torch.float32).to(device, non_blocking=True)


def which_count(loss: nn.Module, label: Tensor, ignore_index: int) -> dict[str, int | Tensor]:
    """Return arguments for an mmseg loss that select the counted pixels and the denominator.

    These are ``ignore_index``, and for a cross-entropy over the labeled pixels or with class
    weights ``avg_factor``, so that all processes divide by the same number: the labeled pixels, or
    their class weights. mmseg's own count waits for the device and does not support class weights
    over the labeled pixels.
    """
    options: dict[str, int | Tensor] = {"ignore_index": ignore_index}
    if _divides_by_labels(loss):
        labeled = label != ignore_index
        weights = getattr(loss, "class_weight", None)
        options["avg_factor"] = (
            count_per_process(labeled)
            if weights is None
            else _weight_per_process(label, labeled, weights)
        )
    return options


def _divides_by_labels(loss: nn.Module) -> bool:
    """Return whether a loss is mmseg's cross-entropy, and its denominator depends on the labels."""
    if not hasattr(loss, "avg_non_ignore") or getattr(loss, "use_sigmoid", False):
        return False
    weighted = getattr(loss, "class_weight", None) is not None
    return getattr(loss, "reduction", "mean") == "mean" and (loss.avg_non_ignore or weighted)


def _weight_per_process(label: Tensor, labeled: Tensor, weights: Sequence[float]) -> Tensor:
    """Sum the class weights of all labeled pixels: ``()`` float32, the mean over processes."""
    each = constant(weights, label.device)
    weight = each[label.where(labeled, 0)]
    total = (weight * labeled).sum()
    if _processes() == 1:
        return total
    all_reduce(total)
    return total / get_world_size()
