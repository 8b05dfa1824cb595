# SPDX-License-Identifier: Apache-2.0
"""Statistics of pseudo-labels: how many are confident, and how many of those are correct."""

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn


@torch.no_grad()
def classes_in(label: Tensor, where: Tensor, num_classes: int) -> Tensor:
    """Find the classes present in a label map, ``(K,)`` bool, without waiting for the device.

    ``label`` is ``(B, h, w)`` int64. Values that are not a class are ignored, and so are positions
    where ``where``, ``(B, h, w)`` bool, is false.
    """
    counted = where & (label >= 0) & (label < num_classes)
    present = torch.zeros(num_classes + 1, dtype=torch.bool, device=label.device)
    return present.index_fill_(0, label.masked_fill(~counted, num_classes).flatten(), True)[:-1]


class PseudoLabelQuality(nn.Module):
    """Metric that counts pseudo-labels over many batches, on the device and without waiting for it.

    The counts are buffers, so they are saved with the model and continue after a resume. Every
    process holds the totals of all processes, so a checkpoint written by one of them is complete.

    Args:
        num_classes: ``K``.
    """

    labels: Tensor
    outcome: Tensor
    truth: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        # rows: not confident, confident; columns: number of pseudo-labels of each class
        self.register_buffer("labels", torch.zeros(2, num_classes, dtype=torch.long))
        # rows as above; columns: truth unknown, wrong, correct
        self.register_buffer("outcome", torch.zeros(2, 3, dtype=torch.long))
        self.register_buffer("truth", torch.zeros(num_classes, dtype=torch.long))

    @torch.no_grad()
    def update(self, label: Tensor, confident: Tensor, truth: Tensor | None = None) -> None:
        """Count a batch.

        Args:
            label: ``(B, h, w)`` int64 pseudo-labels; values that are not a class are ignored.
            confident: ``(B, h, w)`` bool mask of confident pseudo-labels.
            truth: ``(B, h, w)`` int64 true classes, for diagnostics only. Values that are not a
                class, such as 255 or -100, are unknown. With None, all are unknown.
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
        """Return the statistics since the last reset, over all processes.

        Returns:
            ``count``: number of pseudo-labels. In percent: ``confident``: share of confident ones;
            ``accuracy``: share of correct ones among those with a known truth;
            ``confident_accuracy``: share of correct ones among the confident with a known truth. In
            percent for every class: ``labels``: its share of the confident pseudo-labels;
            ``truth``: its share of the known truths. A value is None if there are no images or no
            truth for it.
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
        """Reset all counts to zero."""
        for buffer in self.buffers():
            buffer.zero_()


def _percent(part: Tensor, whole: Tensor) -> float | list[float] | None:
    return (100 * part.double() / whole).tolist() if whole else None
