# SPDX-License-Identifier: Apache-2.0
"""Keep pseudo-labels from drifting towards the large classes."""

from math import log

import torch
from torch import Tensor, nn

BINS = 200
ALIGNMENTS = ("probability", "label")


class RunningShares(nn.Module):
    """Exponential moving average of the share of each class, corrected for its start.

    Args:
        num_classes: ``K``.
        momentum: Weight of a new batch.
    """

    total: Tensor
    weight: Tensor

    def __init__(self, num_classes: int, momentum: float = 0.01) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("total", torch.zeros(num_classes))
        self.register_buffer("weight", torch.zeros(()))

    @torch.no_grad()
    def update(self, sums: Tensor) -> None:
        """Add a batch.

        Args:
            sums: ``(K,)``, pixels or probability mass of each class; all 0 changes nothing.
        """
        counted = (sums.sum() > 0) * self.momentum
        self.total.lerp_(sums / sums.sum().clamp(min=1e-6), counted)
        self.weight.lerp_(torch.ones_like(self.weight), counted)

    def shares(self) -> Tensor:
        """Return the shares, ``(K,)``, which add up to 1. Before the first batch all are equal."""
        mean = self.total / self.weight.clamp(min=1e-12)
        return torch.where(self.weight > 0, mean, torch.full_like(mean, 1 / len(mean)))


class DistributionAlignment(nn.Module):
    r"""Scale predictions so that classes appear as often as in the labeled images.

    .. math:: p'_k \propto p_k \, r_k

    With ``by="probability"`` the factor ``r`` is the share of a class among the labeled pixels over
    its mean predicted probability. A network that is sure of its mistakes hardly changes its labels
    by that. With ``by="label"`` the factor moves until the most probable classes after scaling
    have the shares of the labeled pixels. All shares are moving averages over the run.

    Args:
        num_classes: ``K``.
        by: ``"probability"`` or ``"label"``.
        rate: With ``by="label"``, step of the logarithm of the factor in a batch per unit of the
            logarithm of the ratio of shares.
        limit: Largest factor, and inverse of the smallest.

    Source: ReMixMatch (ICLR 2020), section 3.1, for pixels. ``by="label"`` is new here.
    """

    log_ratio: Tensor

    def __init__(
        self, num_classes: int, by: str = "probability", rate: float = 0.05, limit: float = 10.0
    ) -> None:
        super().__init__()
        if by not in ALIGNMENTS:
            raise ValueError(f"Expected alignment to be one of {ALIGNMENTS}, but got {by!r}.")
        self.by = by
        self.rate = rate
        self.limit = log(limit)
        self.labeled = RunningShares(num_classes)
        self.predicted = RunningShares(num_classes, momentum=0.05)
        self.register_buffer("log_ratio", torch.zeros(num_classes))

    @torch.no_grad()
    def count_labels(self, label: Tensor) -> None:
        """Count the labels of a batch, any shape; values outside the classes are left out."""
        num_classes = len(self.labeled.total)
        inside = (label >= 0) & (label < num_classes)
        self.labeled.update(_counts(label, inside, num_classes))

    @torch.no_grad()
    def forward(self, probability: Tensor, valid: Tensor) -> Tensor:
        """Align the predictions of a batch, and count them.

        Args:
            probability: ``(B, K, H, W)``.
            valid: ``(B, H, W)`` bool; other pixels are not counted.

        Returns:
            ``(B, K, H, W)``, adds up to 1 over the classes.
        """
        if self.by == "probability":
            self.predicted.update((probability * valid[:, None]).sum((0, 2, 3)))
            self.log_ratio.copy_(self._gap())
            return self._scale(probability)
        aligned = self._scale(probability)
        self.predicted.update(_counts(aligned.argmax(1), valid, len(self.log_ratio)))
        self.log_ratio.add_(self.rate * self._gap()).clamp_(-self.limit, self.limit)
        return aligned

    def _gap(self) -> Tensor:
        """Logarithm of labeled over predicted shares."""
        labeled, predicted = (
            one.shares().clamp(min=1e-4).log() for one in (self.labeled, self.predicted)
        )
        return (labeled - predicted).clamp(-self.limit, self.limit)

    def _scale(self, probability: Tensor) -> Tensor:
        scaled = probability * self.log_ratio.exp()[:, None, None]
        return scaled / scaled.sum(1, keepdim=True)


def _counts(label: Tensor, where: Tensor, num_classes: int) -> Tensor:
    """Count labels of the same shape as the mask ``where``, ``(K,)`` float."""
    counts = torch.zeros(num_classes + 1, device=label.device)
    label = label.masked_fill(~where, num_classes).flatten()
    return counts.scatter_add_(0, label, torch.ones_like(label, dtype=counts.dtype))[:-1]


class ClassThreshold(nn.Module):
    """Confidence that a given share of the pixels of each predicted class reaches.

    One fixed threshold keeps most pixels of an easy class and few of a hard one, so that confident
    pseudo-labels hold less of the hard class than the predictions do. With the same share of each
    class they hold as much. Confidences are counted in a running histogram.

    Args:
        num_classes: ``K``.
        share: Share of the pixels of each class to keep, in ``(0, 1]``: the most confident ones.
        momentum: Weight of a new batch.

    Source: CBST (ECCV 2018), eq. 6, with thresholds that follow the training.
    """

    histogram: Tensor

    def __init__(self, num_classes: int, share: float, momentum: float = 0.05) -> None:
        super().__init__()
        self.share = share
        self.momentum = momentum
        self.register_buffer("histogram", torch.zeros(num_classes, BINS))

    @torch.no_grad()
    def update(self, label: Tensor, confidence: Tensor, valid: Tensor) -> None:
        """Count the predictions of a batch.

        Args:
            label: ``(B, H, W)`` int64 in ``[0, K)``.
            confidence: ``(B, H, W)`` in ``[0, 1]``.
            valid: ``(B, H, W)`` bool; other pixels are not counted.
        """
        bins = (confidence * BINS).long().clamp(0, BINS - 1)
        place = (label * BINS + bins).flatten()
        counts = torch.zeros_like(self.histogram).flatten()
        counts.scatter_add_(0, place, valid.flatten().to(counts))
        self.histogram.mul_(1 - self.momentum).add_(counts.view_as(self.histogram))

    def thresholds(self) -> Tensor:
        """Return the threshold of each class, ``(K,)``; 0 for a class that was never predicted."""
        above = self.histogram.flip(1).cumsum(1).flip(1)  # pixels in this bin or above
        wanted = self.share * above[:, :1]
        reached = (above >= wanted).sum(1) - 1  # last bin that enough pixels reach
        return torch.where(above[:, 0] > 0, reached / BINS, torch.zeros_like(wanted[:, 0]))
