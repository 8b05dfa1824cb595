# SPDX-License-Identifier: Apache-2.0
"""Features near one cluster and far from the next."""

import torch
from torch import Tensor

from rankseg.models.losses.discriminative import two_nearest


def contrastive_clustering(feature: Tensor, centres: Tensor) -> Tensor:
    r"""Mean ratio of the distances to the nearest and to the second nearest centre.

    .. math:: L_{CC} = \mathbb E_n \, \frac{\|F_n - C_+(F_n)\|_2}{\|F_n - C_-(F_n)\|_2}

    0 for features at their centres, 1 for those half-way between two. The text above the equation
    wants the inverse ratio small; minimised is the equation, which is what the text describes.
    Centres are constants.

    Args:
        feature: ``(B, D)``; the only input that receives a gradient.
        centres: ``(N, D)``, at least two.

    Returns:
        ``()`` float32, in ``[0, 1]``.

    Raises:
        ValueError: If there are fewer than two centres.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), eq. 4.3.
    """
    nearest, second = two_nearest(feature, centres)
    return (nearest / second.clamp(min=torch.finfo(torch.float32).eps)).mean()
