# SPDX-License-Identifier: Apache-2.0
"""k-nearest-neighbor classification, which measures features without training a classifier."""

import torch
import torch.nn.functional as F
from torch import Tensor


def check_k(k: int, size: int) -> None:
    """Check that there are at least ``k`` labeled images.

    Raises:
        ValueError: If ``k`` is not from 1 to ``size``.
    """
    if not 1 <= k <= size:
        raise ValueError(f"k={k} neighbours among {size} labelled images: expected 1 to {size}")


def check_finite(**features: Tensor) -> None:
    """Check that features, ``(N, D)`` each, are finite.

    Raises:
        ValueError: If some are not; the message has their name and number.
    """
    for name, rows in features.items():
        bad = ~rows.isfinite().all(1)
        if bad.any():
            raise ValueError(
                f"features of {int(bad.sum())} of {len(bad)} {name.replace('_', ' ')} are NaN or "
                "infinite: the weights of this checkpoint are, or overflow; take an earlier one"
            )


@torch.no_grad()
def knn_classify(
    bank: Tensor,
    labels: Tensor,
    query: Tensor,
    k: int,
    temperature: float | None = None,
    num_classes: int | None = None,
    chunk: int = 1024,
) -> Tensor:
    """Classify queries by a vote of their ``k`` nearest labeled images, by cosine similarity.

    Args:
        bank: ``(N, D)`` features of the labeled images, of any length.
        labels: ``(N,)`` int64 classes of the labeled images.
        query: ``(M, D)`` features of the queries.
        k: Number of neighbors; with ``N`` all images vote.
        temperature: Temperature ``t`` of the votes, each of which weighs ``exp(s / t)``. If None,
            every neighbor has one vote, and the larger sum of similarities breaks ties.
        num_classes: Number of classes; one more than the largest label by default.
        chunk: Queries compared at a time; ``chunk x N`` similarities are in memory.

    Returns:
        ``(M,)`` int64 on the device of ``bank``.

    Raises:
        ValueError: If ``k`` is below 1 or above ``N``, ``temperature`` is not above 0, or a feature
            is not finite.

    Source: Wu et al. (CVPR 2018), weighted with t = 0.07; CMSF (ECCV 2022), k = 1 and 20,
        unweighted.
    """
    check_k(k, len(bank))
    if temperature is not None and temperature <= 0:
        raise ValueError(f"temperature={temperature}: expected a number above 0, such as 0.07")
    check_finite(labelled_images=bank, queries=query)
    bank = F.normalize(bank.float(), dim=1)
    num_classes = num_classes or int(labels.max()) + 1
    found = []
    for part in query.to(bank.device).float().split(chunk):
        similarity, index = (F.normalize(part, dim=1) @ bank.T).topk(k)
        if temperature is None:
            vote = 1 + similarity / (4 * k)  # the similarities sum to less than one vote
        else:
            vote = ((similarity - similarity[:, :1]) / temperature).exp()  # at most 1: finite
        votes = vote.new_zeros(len(part), num_classes, dtype=torch.float64)
        votes.scatter_add_(1, labels.to(index.device)[index], vote.double())
        found.append(votes.argmax(1))
    return torch.cat(found)
