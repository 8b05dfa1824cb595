# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy on the hardest labeled pixels."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.models.losses.counting import count_per_process
from rankseg.registry import MODELS


@MODELS.register_module()
class OhemCrossEntropyLoss(nn.Module):
    """Mean cross-entropy over pixels that are not predicted well yet (online hard examples).

    A pixel is kept if the probability of its true class is at most ``threshold``, or if it is among
    the ``min_kept`` least probable pixels of the batch. mmseg's ``OHEMPixelSampler`` counts
    ``min_kept`` per image and reads values back to the CPU. The published Cityscapes results count
    per batch of a process, as here. The mean is over the kept pixels of all processes.

    Args:
        threshold: Probability of the true class, in ``(0, 1]``.
        min_kept: Minimum number of kept pixels in the batch of one process.
        loss_weight: Weight of the loss.
        loss_name: Key of the term in mmseg's heads.

    Shape:
        - logits: ``(B, K, H, W)``.
        - label: ``(B, H, W)`` int64, ``ignore_index`` where there is no label.
        - output: ``()``; 0 when no pixel has a label.

    Raises:
        ValueError: If ``threshold`` is outside ``(0, 1]`` or ``min_kept`` is below 1.

    Source: Shrivastava et al., CVPR 2016, as used for Cityscapes by UniMatch (0.7, 200,000).
    """

    def __init__(
        self,
        threshold: float = 0.7,
        min_kept: int = 200_000,
        loss_weight: float = 1.0,
        loss_name: str = "loss_ohem",
    ) -> None:
        super().__init__()
        if not 0 < threshold <= 1 or min_kept < 1:
            raise ValueError(
                "Expected threshold of OhemCrossEntropyLoss in (0, 1] and min_kept of 1 or more, "
                f"but got threshold={threshold} and min_kept={min_kept}."
            )
        self.threshold = threshold
        self.min_kept = min_kept
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        **kwargs,
    ) -> Tensor:
        """Compute the loss; ``weight`` and further arguments of mmseg's heads are ignored."""
        loss = F.cross_entropy(logits, label, ignore_index=ignore_index, reduction="none").flatten()
        labeled = (label != ignore_index).flatten()
        # Ignored pixels have loss 0. If fewer than min_kept pixels are labeled, the bound falls to
        # 0 and all labeled ones are kept.
        count = min(self.min_kept, loss.numel())
        bound = loss.detach().topk(count, sorted=False).values.min()
        kept = labeled & (loss >= bound.clamp(max=-math.log(self.threshold)))
        return self.loss_weight * torch.where(kept, loss, 0).sum() / count_per_process(kept)
