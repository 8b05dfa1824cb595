# SPDX-License-Identifier: Apache-2.0
"""Linear probe: a linear classifier trained on frozen features."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.evaluation.knn import check_finite
from rankseg.utils.progress import track

CLOSEST = 1e-6  # a channel with a smaller deviation is constant, so it is only centered


def draw_share(label: np.ndarray, share: float, seed: int = 0, leave: int = 0) -> np.ndarray:
    """Draw a share of the images of every class, at least one.

    Args:
        label: ``(N,)`` classes.
        share: Share of the images of a class, in ``(0, 1]``.
        seed: Seed of the draw.
        leave: Images of every class that are never drawn, even if there are few.

    Returns:
        Sorted positions of the drawn images.
        Sorted positions.
    """
    rng, drawn = np.random.default_rng(seed), []
    for k in np.unique(label):
        members = np.flatnonzero(label == k)
        count = min(max(1, round(share * len(members))), len(members) - leave)
        drawn.append(rng.permutation(members)[:count])
    return np.sort(np.concatenate(drawn))


def standardise(feature: Tensor, *others: Tensor) -> list[Tensor]:
    """Scale features to length 1, then standardize every channel by the statistics of ``feature``.

    Args:
        feature: ``(N, D)`` features, which get mean 0 and variance 1 in every channel.
        *others: ``(M, D)`` features that get the same transform.
    """
    parts = [F.normalize(part.float(), dim=1) for part in (feature, *others)]
    spread, mean = torch.std_mean(parts[0], 0, correction=0)
    spread = torch.where(spread < CLOSEST, torch.ones_like(spread), spread)
    return [(part - mean) / spread for part in parts]


def linear_probe(
    feature: Tensor,
    label: Tensor,
    query: Tensor,
    num_classes: int,
    *,
    epochs: int = 40,
    least_steps: int = 1000,
    batch_size: int = 256,
    lr: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    seed: int = 0,
) -> Tensor:
    """Train a linear layer on frozen features by SGD, and classify other features.

    The features are standardized (:func:`standardise`) and the layer is initialized with zeros. The
    learning rate drops to a tenth after 3/8 and again after 6/8 of the steps. The global random
    state is not changed.

    Args:
        feature: ``(N, D)`` features of the labeled images.
        label: ``(N,)`` int64 classes.
        query: ``(M, D)`` features to classify.
        num_classes: ``K``.
        epochs: Passes over the labeled images.
        least_steps: Minimum number of steps. The papers have none: there 1% of ImageNet is many
            batches, but a hundred images would be trained on for only 40 steps.
        batch_size: Images per step; all of them if there are fewer.
        lr: Learning rate.
        momentum: Momentum factor of SGD.
        weight_decay: Weight decay of SGD.
        seed: Seed of the order of the images.

    Returns:
        ``(M, K)`` float32 logits on the device of ``feature``.

    Raises:
        ValueError: If a feature is not finite, or there is no labeled image.

    Source: CompRess (NeurIPS 2020) and MSF (ICCV 2021), whose protocol CMSF (ECCV 2022), section 3,
        follows. Differs: features are computed once, from images without augmentation.
    """
    check_finite(labelled_images=feature, queries=query)
    if not len(feature):
        raise ValueError("a linear probe of no labelled image: expected at least one")
    device = feature.device
    feature, query = standardise(feature, query.to(device))
    label = label.to(device)
    layer = nn.utils.skip_init(nn.Linear, feature.shape[1], num_classes, device=device)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
    per_pass = -(-len(feature) // batch_size)
    steps = max(epochs * per_pass, least_steps)
    optimizer = torch.optim.SGD(layer.parameters(), lr, momentum, weight_decay=weight_decay)
    falls = [steps * 3 // 8, steps * 6 // 8]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, falls)
    generator = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        for step in track(range(steps), "linear probe, step", logger="current"):
            if step % per_pass == 0:
                order = torch.randperm(len(feature), generator=generator).to(device)
            rows = order[step % per_pass * batch_size :][:batch_size]
            optimizer.zero_grad()
            F.cross_entropy(layer(feature[rows]), label[rows]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        return layer(query)


def top_shares(logits: Tensor, truth: Tensor) -> dict[str, float]:
    """Compute the accuracy in percent: ``top1`` and, for more than five classes, ``top5``.

    Args:
        logits: ``(M, K)``.
        truth: ``(M,)`` int64.
    """
    found: dict[str, Any] = {}
    for count in (1, 5):
        if count == 1 or logits.shape[1] > count:
            best = logits.topk(count, 1).indices
            right = (best == truth.to(best.device)[:, None]).any(1)
            found[f"top{count}"] = round(100 * right.double().mean().item(), 2)
    return found
