# SPDX-License-Identifier: Apache-2.0
"""How many pseudo-labels are confident, and how many of them are right."""

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn


@torch.no_grad()
def classes_in(label: Tensor, where: Tensor, num_classes: int) -> Tensor:
    """Which classes there are, without waiting for the device.

    Args:
        label: ``(B, h, w)`` int64; what is no class is left out.
        where: ``(B, h, w)`` bool; so is what stands where this is false.
        num_classes: ``K``.

    Returns:
        ``(K,)`` bool.
    """
    counted = where & (label >= 0) & (label < num_classes)
    seen = torch.zeros(num_classes + 1, dtype=torch.bool, device=label.device)
    return seen.index_fill_(0, label.masked_fill(~counted, num_classes).flatten(), True)[:-1]


class PseudoLabelQuality(nn.Module):
    """Counts pseudo-labels over many batches, on the device and without waiting for it.

    The counts are buffers: they are saved with the model and go on after a resume. Every process
    holds those of all, so that a checkpoint, which one of them writes, has them whole.

    Args:
        num_classes: ``K``.
    """

    labels: Tensor
    outcome: Tensor
    truth: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        # rows: not confident, confident; columns: pseudo-labels by class
        self.register_buffer("labels", torch.zeros(2, num_classes, dtype=torch.long))
        # rows as above; columns: truth unknown, wrong, right
        self.register_buffer("outcome", torch.zeros(2, 3, dtype=torch.long))
        self.register_buffer("truth", torch.zeros(num_classes, dtype=torch.long))

    @torch.no_grad()
    def update(self, label: Tensor, confident: Tensor, truth: Tensor | None = None) -> None:
        """Count a batch.

        Args:
            label: ``(B, h, w)`` int64 pseudo-labels; what is no class is left out.
            confident: ``(B, h, w)`` bool.
            truth: ``(B, h, w)`` int64 true classes, for diagnostics only; what is no class, such
                as 255 or -100, is unknown. None: nothing is known.
        """
        num_classes = len(self.truth)
        label, confident = label.flatten(), confident.flatten().long()
        counted = self._is_class(label).long()
        row = confident * num_classes + label.clamp(0, num_classes - 1)
        labels, outcomes, truths = (torch.zeros_like(b.view(-1)) for b in self.buffers())
        labels.scatter_add_(0, row, counted)
        outcome = torch.zeros_like(label)
        if truth is not None:
            truth = truth.flatten()
            known = self._is_class(truth)
            outcome = known * (1 + (label == truth).long())
            truths.scatter_add_(0, truth.clamp(0, num_classes - 1), counted * known)
        outcomes.scatter_add_(0, 3 * confident + outcome, counted)
        new = torch.cat((labels, outcomes, truths))
        all_reduce(new)
        sizes = [buffer.numel() for buffer in self.buffers()]
        for buffer, part in zip(self.buffers(), new.split(sizes), strict=True):
            buffer += part.view_as(buffer)

    def _is_class(self, label: Tensor) -> Tensor:
        return (label >= 0) & (label < len(self.truth))

    def compute(self) -> dict[str, float | int | list[float] | None]:
        """What was counted since the last reset, by all processes together.

        Returns:
            ``count``: number of pseudo-labels; in percent ``confident``: those that are,
            ``accuracy``: right ones of all whose truth is known, ``confident_accuracy``: right ones
            of the confident among these; in percent for every class ``labels``: its share of the
            confident pseudo-labels, ``truth``: its share of the known truths. What cannot be said,
            for want of images or truth, is None.
        """
        labels, outcome, truth = (buffer.cpu() for buffer in self.buffers())
        known = outcome[:, 1:]
        return {
            "count": int(labels.sum()),
            "confident": _percent(labels[1].sum(), labels.sum()),
            "accuracy": _percent(known[:, 1].sum(), known.sum()),
            "confident_accuracy": _percent(known[1, 1], known[1].sum()),
            "labels": _percent(labels[1], labels[1].sum()),
            "truth": _percent(truth, truth.sum()),
        }

    def reset(self) -> None:
        """Start counting anew."""
        for buffer in self.buffers():
            buffer.zero_()


def _percent(part: Tensor, whole: Tensor) -> float | list[float] | None:
    return (100 * part.double() / whole).tolist() if whole else None
