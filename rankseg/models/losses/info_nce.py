# SPDX-License-Identifier: Apache-2.0
"""InfoNCE: tell the other view of an image from the views of other images."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(query: Tensor, keys: Tensor, own: Tensor, temperature: float) -> Tensor:
    r"""Compute the cross-entropy of finding the own key among all keys.

    .. math::
        \ell = -\frac{1}{B} \sum_i \log
               \frac{\exp(q_i^T k_{o(i)} / t)}{\sum_j \exp(q_i^T k_j / t)}

    Args:
        query: ``q``, ``(B, D)`` of length 1; the only input that receives a gradient.
        keys: ``k``, ``(N, D)`` of length 1.
        own: ``o``, ``(B,)`` int64, rows of ``keys`` with the other view of the same image.
        temperature: ``t``, above 0.

    Returns:
        ``()`` float32, in nats.

    Source: van den Oord et al. (arXiv:1807.03748), eq. 4, with the cosine similarities of MoCo
        (CVPR 2020), eq. 1.
    """
    with torch.autocast(query.device.type, enabled=False):
        return F.cross_entropy(query.float() @ keys.detach().float().T / temperature, own)
