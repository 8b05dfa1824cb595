# SPDX-License-Identifier: Apache-2.0
"""Prototypical networks: classify by the distance to the mean embedding of each class."""

import torch
import torch.nn.functional as F
from torch import Tensor


def prototype_loss(
    online: Tensor,
    entries: Tensor,
    labels: Tensor,
    target: Tensor,
    num_classes: int,
    temperature: float = 1.0,
) -> Tensor:
    r"""Compute the cross-entropy of distances to the class means of a memory.

    .. math::
        \ell_i = -\log \frac{\exp(-\lVert v_i - c_{y_i} \rVert^2 / t)}
                            {\sum_k \exp(-\lVert v_i - c_k \rVert^2 / t)}

    Classes without an entry have no prototype.

    Args:
        online: ``v``, ``(B, D)``; the only input that receives a gradient.
        entries: ``(N, D)`` embeddings in the memory.
        labels: ``(N,)`` int64 classes of the entries, -1 for entries that do not count.
        target: ``y``, ``(B,)`` int64 classes; the loss is 0 for -1, and for a class without a
            prototype.
        num_classes: Number of classes.
        temperature: ``t``, 1 in the paper.

    Returns:
        ``(B,)`` float32, in nats.

    Source: Snell et al., Prototypical Networks (NeurIPS 2017), eq. 1 and 2.
    """
    with torch.autocast(online.device.type, enabled=False):
        classes = torch.arange(num_classes, device=labels.device)
        member = (labels[:, None] == classes).float()
        count = member.sum(0)
        prototypes = member.T @ entries.detach().float() / count.clamp(min=1)[:, None]
        distance = (online.float()[:, None] - prototypes).square().sum(2)
        logits = (-distance / temperature).masked_fill(count == 0, -torch.inf)
        known = (target >= 0) & (count > 0)[target.clamp(min=0)]
        logits = torch.where(known[:, None], logits, torch.zeros_like(logits))
        rows = F.cross_entropy(logits, target.clamp(min=0), reduction="none")
        return torch.where(known, rows, torch.zeros_like(rows))
