# SPDX-License-Identifier: Apache-2.0
"""SwAV: predict the code of one view of an image from another view."""

import torch
from torch import Tensor

from rankseg.models.losses.consistency import soft_cross_entropy


@torch.no_grad()
def sinkhorn_codes(scores: Tensor, epsilon: float = 0.05, iterations: int = 3) -> Tensor:
    r"""Assign images to prototypes softly, so that all prototypes get about equally many images.

    .. math:: Q = diag(u) \exp(S / \epsilon) \, diag(v)

    The columns (prototypes) and the rows (images) are normalized in turn, rows last.

    Args:
        scores: ``S``, ``(B, P)`` similarities of images to prototypes, of all processes.
        epsilon: Smoothness of the assignment, above 0.
        iterations: Number of normalizations of both.

    Returns:
        ``(B, P)`` float32, rows sum to 1.

    Source: SwAV (NeurIPS 2020), eq. 3 and 5, computed in the log domain.
    """
    with torch.autocast(scores.device.type, enabled=False):
        log = scores.float() / epsilon
        for _ in range(iterations):
            log = log - log.logsumexp(0, keepdim=True)
            log = log - log.logsumexp(1, keepdim=True)
        return log.exp()


def swapped_prediction(scores: Tensor, codes: Tensor, temperature: float) -> Tensor:
    r"""Compute the cross-entropy between the codes of one view and the scores of another.

    .. math:: \ell = -\frac{1}{B} \sum_i \sum_p q_{ip} \log softmax(s_i / t)_p

    Args:
        scores: ``s``, ``(B, P)`` similarities to the prototypes; the only input that receives a
            gradient.
        codes: ``q``, ``(B, P)``, rows sum to 1.
        temperature: ``t``, above 0.

    Returns:
        ``()`` float32, in nats.

    Source: SwAV (NeurIPS 2020), eq. 2, one direction.
    """
    return soft_cross_entropy(scores.float() / temperature, codes)
