# SPDX-License-Identifier: Apache-2.0
"""Supervised contrastive loss: images of one class attract each other, others repel."""

import torch
from torch import Tensor


def supervised_contrast(
    online: Tensor, entries: Tensor, positive: Tensor, valid: Tensor, temperature: float
) -> Tensor:
    r"""Compute the supervised contrastive loss of embeddings against a memory.

    .. math::
        \ell_i = -\frac{1}{|P_i|} \sum_{p \in P_i} \log
                 \frac{\exp(v_i^T z_p / t)}{\sum_{a \in A} \exp(v_i^T z_a / t)}

    Args:
        online: ``v``, ``(B, D)`` of length 1; the only input that receives a gradient.
        entries: ``z``, ``(N, D)`` of length 1.
        positive: ``(B, N)`` bool, entries ``P`` of the class of an image; the loss is 0 if there is
            none.
        valid: ``(N,)`` bool, entries ``A`` in use.
        temperature: ``t``, above 0.

    Returns:
        ``(B,)`` float32, in nats.

    Source: Khosla et al., Supervised Contrastive Learning (NeurIPS 2020), eq. 2.
    """
    with torch.autocast(online.device.type, enabled=False):
        logits = online.float() @ entries.detach().float().T / temperature
        normalizer = logits.masked_fill(~valid, -torch.inf).logsumexp(1)
        share = (positive & valid).float()
        count = share.sum(1)
        mean = (share * logits).sum(1) / count.clamp(min=1)
        return torch.where(count > 0, normalizer - mean, torch.zeros_like(mean))
