# SPDX-License-Identifier: Apache-2.0
"""Distance between the features of two views of an image."""

import torch
from torch import Tensor


def pair_distance(first: Tensor, second: Tensor) -> Tensor:
    r"""Compute the mean Euclidean distance between the rows of two matrices.

    .. math:: L_F = \mathbb E_n \, \|F_n - F'_n\|_2

    Both inputs receive gradients; the gradient of equal rows is 0.

    Args:
        first: ``(B, D)``.
        second: ``(B, D)``.

    Returns:
        ``()`` float32.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), section 4.3.1.
    """
    return torch.linalg.vector_norm(first.float() - second.float(), dim=1).mean()
