# SPDX-License-Identifier: Apache-2.0
"""Focal loss: cross-entropy per class that counts well-predicted pixels less."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.losses.counting import constant
from rankseg.registry import MODELS


@MODELS.register_module()
class FocalLoss(nn.Module):
    r"""MMSegmentation's ``FocalLoss`` for labels of pixels, on any device.

    mmseg's own class fails on a CPU, and on a GPU unless MMCV's compiled operators are installed.
    Its function for CPUs copies constants to the device in every step, which the host waits for.
    This class takes the same options and replaces it in configs.

    .. math:: L = -\alpha_t (1 - p_t)^\gamma \log p_t

    Every class is a binary problem with the probability ``sigmoid(logit)``; ``p_t`` is the
    probability of the right answer. The mean is over all pixels and classes. Pixels without a
    label count as 0.

    Args:
        use_sigmoid: Must be True, as in mmseg.
        gamma: Exponent; larger values count well-predicted pixels less.
        alpha: Weight of a class where it is present, in ``[0, 1]``; where it is absent, the weight
            is ``1 - alpha``. A list has one value per class.
        reduction: ``"mean"`` or ``"sum"``.
        class_weight: Weight of each class, or None.
        loss_weight: Weight of the loss.
        loss_name: Key of the term in mmseg's heads.

    Shape:
        - logits: ``(B, K, H, W)``.
        - label: ``(B, H, W)`` int64, ``ignore_index`` where there is no label.
        - output: ``()`` float32.

    Raises:
        ValueError: If an option is invalid.

    Source: Lin et al., Focal Loss for Dense Object Detection (ICCV 2017), eq. 5.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float | Sequence[float] = 0.5,
        reduction: str = "mean",
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str = "loss_focal",
    ) -> None:
        super().__init__()
        expect(use_sigmoid is True, "use_sigmoid of FocalLoss", "True", use_sigmoid)
        expect(gamma >= 0, "gamma of FocalLoss", "0 or more", gamma)
        shares = alpha if isinstance(alpha, Sequence) else [alpha]
        wanted = "a number from 0 to 1, or one per class"
        expect(all(0 <= share <= 1 for share in shares), "alpha of FocalLoss", wanted, alpha)
        known = ("mean", "sum")
        expect(reduction in known, "reduction of FocalLoss", f"one of {known}", reduction)
        self.gamma = gamma
        self.alpha = alpha
        self.reduction = reduction
        self.class_weight = class_weight
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
        """Compute the loss; ``weight`` is ``(B, H, W)`` or None, further arguments are ignored."""
        logits, device = logits.float(), logits.device
        number = torch.arange(logits.shape[1], device=device).view(-1, 1, 1)
        present = label.unsqueeze(1) == number
        right = torch.where(present, logits, -logits)  # logit of the right answer
        alpha = constant(self.alpha, device).view(-1, 1, 1)
        loss = torch.where(present, alpha, 1 - alpha) * (-right).sigmoid() ** self.gamma
        loss = loss * -F.logsigmoid(right)
        counted = (label != ignore_index).float()
        counted = counted if weight is None else counted * weight
        loss = loss * counted.unsqueeze(1)
        if self.class_weight is not None:
            loss = loss * constant(self.class_weight, device).view(-1, 1, 1)
        return self.loss_weight * (loss.mean() if self.reduction == "mean" else loss.sum())
