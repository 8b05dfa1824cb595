# SPDX-License-Identifier: Apache-2.0
"""Losses of embeddings: those of pytorch-metric-learning, clusters and pairs."""

from collections.abc import Mapping

import torch
from pytorch_metric_learning import distances, losses, miners
from torch import Tensor, nn

from rankseg.models.losses.discriminative import center_distances, two_nearest
from rankseg.registry import MODELS

NAMES = {
    losses: (
        *("CircleLoss", "ContrastiveLoss", "MultiSimilarityLoss", "NTXentLoss", "ProxyAnchorLoss"),
        *("ProxyNCALoss", "SupConLoss", "TripletMarginLoss"),
    ),
    miners: ("BatchHardMiner", "MultiSimilarityMiner", "PairMarginMiner", "TripletMarginMiner"),
    distances: ("CosineSimilarity", "DotProductSimilarity", "LpDistance"),
}
for package, names in NAMES.items():
    for name in names:
        MODELS.register_module(name, module=getattr(package, name))


def build_metric(config: Mapping) -> nn.Module:
    """Build a loss or a miner, including options with a ``type``, such as ``distance``."""
    options = {
        key: build_metric(value) if isinstance(value, Mapping) and "type" in value else value
        for key, value in config.items()
    }
    return MODELS.build(options)


def takes_references(loss: nn.Module) -> bool:
    """Return whether a loss can compare a batch with other embeddings, such as a memory."""
    return type(loss).__name__ in losses.CrossBatchMemory.supported_losses()


def contrastive_clustering(feature: Tensor, centers: Tensor, own: Tensor | None = None) -> Tensor:
    r"""Compute the mean ratio of the distances to one cluster center and to the next.

    .. math::
        L_{CC} = \mathbb E_n \, \frac{d_+}{d_-} \quad \text{or} \quad
        \mathbb E_n \, \frac{2 d_+}{d_+ + d_-}, \qquad d_\pm = \|F_n - C_\pm(F_n)\|_2

    The first form is the equation: :math:`C_+` is the center nearest to the feature, :math:`C_-`
    the second nearest. It is also minimal if all features are at one center, whatever their
    cluster. With ``own``, :math:`C_+` is the center of the image's assigned cluster and :math:`C_-`
    the nearest other center. The second form is about twice the first for features near their
    center, and bounded for those near another one. Both are 0 for features at their centers and 1
    half-way between two. Centers are constants.

    The text above the equation asks for a small inverse ratio. This function implements the
    equation, which matches what the text describes.

    Args:
        feature: ``(B, D)``; the only input that receives a gradient.
        centers: ``(N, D)``, at least two.
        own: ``(B,)`` int64 clusters below ``N``, for the second form.

    Returns:
        ``()`` float32, in ``[0, 1]``, or in ``[0, 2]`` for the second form.

    Raises:
        ValueError: If there are fewer than two centers.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), eq. 4.3.
    """
    eps = torch.finfo(torch.float32).eps
    if own is None:
        nearest, second = two_nearest(feature, centers)
        return (nearest / second.clamp(min=eps)).mean()
    distance = center_distances(feature, centers)
    to_own = distance.gather(1, own[:, None])
    to_other = distance.scatter(1, own[:, None], torch.inf).amin(1, keepdim=True)
    return (2 * to_own / (to_own + to_other).clamp(min=eps)).mean()


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
