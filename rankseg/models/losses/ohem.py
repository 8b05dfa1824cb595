# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy on the hardest labeled pixels."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.models.losses.counting import constant, count_per_process
from rankseg.registry import MODELS

RELEASED_SHARE = 100_000 / 801**2  # 200,000 pixels of two crops of 801 px


@MODELS.register_module()
class OhemCrossEntropyLoss(nn.Module):
    """Mean cross-entropy over pixels that are not predicted well yet (online hard examples).

    A pixel is kept if the probability of its true class is at most ``threshold``, or if it is among
    the ``min_kept`` least probable pixels. The mean is over the kept pixels of all processes.

    A share is counted in every image, so any number of processes keeps the same pixels. The
    released code of UniMatch keeps at least 200,000 pixels in the batch of a process, which holds
    two images of 801 px: 15.6% of the pixels. The default is this share. Its number,
    ``min_kept=200_000``, means the same only with two images of 801 px in every process.

    Args:
        threshold: Probability of the true class, in ``(0, 1]``.
        min_kept: Pixels to keep at least: a float is a share of the pixels of each image, in
            ``(0, 1]``; an int is a number of pixels in the batch of one process. Pixels without a
            label count as pixels of the image, but are never kept.
        loss_weight: Weight of the loss.
        loss_name: Key of the term in mmseg's heads.
        class_weight: Weight of the loss of each class, or None. Pixels are chosen without it, and
            the mean divides by their number.

    Shape:
        - logits: ``(B, K, H, W)``.
        - label: ``(B, H, W)`` int64, ``ignore_index`` where there is no label.
        - output: ``()``; 0 when no pixel has a label.

    Raises:
        ValueError: If ``threshold`` or ``min_kept`` is out of range.

    Source: Shrivastava et al., CVPR 2016, as used for Cityscapes by UniMatch (0.7, 200,000).
    """

    def __init__(
        self,
        threshold: float = 0.7,
        min_kept: float = RELEASED_SHARE,
        loss_weight: float = 1.0,
        loss_name: str = "loss_ohem",
        class_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        known = min_kept >= 1 if isinstance(min_kept, int) else 0 < min_kept <= 1
        if not 0 < threshold <= 1 or not known:
            raise ValueError(
                "Expected threshold of OhemCrossEntropyLoss in (0, 1], and min_kept to be a share "
                "of the pixels in (0.0, 1.0] or a whole number of pixels, but got "
                f"threshold={threshold} and min_kept={min_kept}."
            )
        self.threshold = threshold
        self.min_kept = min_kept
        self.loss_weight = loss_weight
        self.loss_name = loss_name
        self.class_weight = class_weight

    def forward(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        **kwargs,
    ) -> Tensor:
        """Compute the loss; ``weight`` and further arguments of mmseg's heads are ignored."""
        loss = F.cross_entropy(logits, label, ignore_index=ignore_index, reduction="none")
        labeled = label != ignore_index
        shared = isinstance(self.min_kept, int)  # by all images of the process
        loss, labeled = (one.flatten(0 if shared else 1) for one in (loss, labeled))
        count = self.min_kept if shared else max(1, round(self.min_kept * loss.size(1)))
        # Ignored pixels have loss 0. If fewer than min_kept pixels are labeled, the bound falls to
        # 0 and all labeled ones are kept.
        count = min(count, loss.size(-1))
        bound = loss.detach().topk(count, sorted=False).values.amin(-1, keepdim=True)
        kept = labeled & (loss >= bound.clamp(max=-math.log(self.threshold)))
        if self.class_weight is not None:
            each = constant(self.class_weight, label.device)
            loss = loss * each[label.where(label != ignore_index, 0)].view_as(loss)
        return self.loss_weight * torch.where(kept, loss, 0).sum() / count_per_process(kept)


@MODELS.register_module()
class OhemCrossEntropy(OhemCrossEntropyLoss):
    """:class:`OhemCrossEntropyLoss` with the argument names of MMSegmentation's loss of this name.

    mmseg's own class cannot be used in its heads, because it does not accept their arguments. It
    replaces that class in configs and gives the same value, with three exceptions: if at most
    ``min_kept`` pixels have a label, all of them count (mmseg leaves out the best one); without a
    label the loss is 0 and has a gradient; and the mean is over the pixels of all processes.

    Args:
        ignore_label: Label to ignore. The head's ``ignore_index`` takes precedence.
        thres: Probability of the true class, in ``(0, 1]``.
        min_kept: Minimum number of kept pixels in the batch of one process.
        loss_weight: Weight of the loss.
        class_weight: Weight of each class, or None.
        loss_name: Key of the term in mmseg's heads.

    Raises:
        ValueError: If ``thres`` is outside ``(0, 1]`` or ``min_kept`` is below 1.
    """

    def __init__(
        self,
        ignore_label: int = 255,
        thres: float = 0.7,
        min_kept: int = 100_000,
        loss_weight: float = 1.0,
        class_weight: Sequence[float] | None = None,
        loss_name: str = "loss_ohem",
    ) -> None:
        super().__init__(thres, min_kept, loss_weight, loss_name, class_weight)
        self.ignore_label = ignore_label

    def forward(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        **kwargs,
    ) -> Tensor:
        """Compute the loss; ``weight`` and further arguments of mmseg's heads are ignored."""
        ignore_index = self.ignore_label if ignore_index is None else ignore_index
        return super().forward(logits, label, ignore_index=ignore_index)
