# SPDX-License-Identifier: Apache-2.0
"""Classification by the nearest labelled images: how good are features without a classifier?"""

import torch
import torch.nn.functional as F
from torch import Tensor


def check_k(k: int, size: int) -> None:
    """Check that there are as many labelled images as neighbours are asked for.

    Raises:
        ValueError: If not.
    """
    if not 1 <= k <= size:
        raise ValueError(f"k={k} neighbours among {size} labelled images: expected 1 to {size}")


def check_finite(**features: Tensor) -> None:
    """Refuse features, ``(N, D)`` each, that are no numbers.

    Raises:
        ValueError: Naming whose they are and how many.
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
    """Class of each query by a vote of its ``k`` nearest labelled images, by cosine similarity.

    Args:
        bank: ``(N, D)`` features of the labelled images, of any length.
        labels: ``(N,)`` int64, their classes.
        query: ``(M, D)`` features.
        k: Number of neighbours; ``N`` lets all vote.
        temperature: None: every neighbour has one vote, and of classes with as many votes that
            with the larger sum of similarities wins. Otherwise a vote weighs ``exp(s / t)``.
        num_classes: One more than the largest label by default.
        chunk: Queries compared at a time; ``chunk x N`` similarities are in memory.

    Returns:
        ``(M,)`` int64 on the device of ``bank``.

    Raises:
        ValueError: If ``k`` is below 1 or above ``N``, ``temperature`` is not above 0, or a feature
            is not finite.

    Source: Wu et al. (CVPR 2018), weighted with t = 0.07; CMSF (ECCV 2022), k = 1 and 20, one vote.
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
            vote = 1 + similarity / (4 * k)  # below one more vote, whatever the similarities
        else:
            vote = ((similarity - similarity[:, :1]) / temperature).exp()  # largest first: finite
        votes = vote.new_zeros(len(part), num_classes, dtype=torch.float64)
        votes.scatter_add_(1, labels.to(index.device)[index], vote.double())
        found.append(votes.argmax(1))
    return torch.cat(found)
