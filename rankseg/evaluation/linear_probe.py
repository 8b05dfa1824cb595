# SPDX-License-Identifier: Apache-2.0
"""A linear classifier on frozen features: how far apart do they hold the classes?"""

import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from rankseg.evaluation.knn import check_finite

PROGRESS_SECONDS = 10.0
CLOSEST = 1e-6  # a channel that varies less is constant: it is centred and not blown up


def draw_share(label: np.ndarray, share: float, seed: int = 0, leave: int = 0) -> np.ndarray:
    """Draw a share of the images of every class, at least one.

    Args:
        label: ``(N,)`` classes.
        share: In ``(0, 1]``.
        seed: Of the draw.
        leave: Images of every class that are not drawn, however few there are.

    Returns:
        Sorted positions.
    """
    rng, drawn = np.random.default_rng(seed), []
    for k in np.unique(label):
        members = np.flatnonzero(label == k)
        count = min(max(1, round(share * len(members))), len(members) - leave)
        drawn.append(rng.permutation(members)[:count])
    return np.sort(np.concatenate(drawn))


def standardise(feature: Tensor, *others: Tensor) -> list[Tensor]:
    """Scale features to length 1, then every channel to mean 0 and variance 1 over ``feature``.

    Args:
        feature: ``(N, D)`` features that mean and variance are taken of.
        *others: ``(M, D)`` features that are treated likewise.
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
    """Train a linear layer on frozen features by SGD, and let it classify others.

    Features are standardised (:func:`standardise`), the layer starts at zero, the learning rate
    falls to a tenth after 3/8 and again after 6/8 of the steps. Random numbers of the process are
    not touched.

    Args:
        feature: ``(N, D)`` features of the labelled images.
        label: ``(N,)`` int64 classes.
        query: ``(M, D)`` features to classify.
        num_classes: ``K``.
        epochs: Passes over the labelled images.
        least_steps: Fewest steps, however few images there are; not in the papers, where 1% of
            ImageNet is many batches, and a hundred images would be seen in 40 steps.
        batch_size: Images in a step; all of them where there are fewer.
        lr: Learning rate.
        momentum: Of SGD.
        weight_decay: Of SGD.
        seed: Of the order of the images.

    Returns:
        ``(M, K)`` float32 logits on the device of ``feature``.

    Raises:
        ValueError: If a feature is not finite, or there is no labelled image.

    Source: CompRess (NeurIPS 2020) and MSF (ICCV 2021), whose protocol CMSF (ECCV 2022), section 3,
        takes over; here features are computed once, of images that are not augmented.
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
    generator, told = torch.Generator().manual_seed(seed), time.monotonic()
    with torch.enable_grad():
        for step in range(steps):
            if step % per_pass == 0:
                order = torch.randperm(len(feature), generator=generator).to(device)
            rows = order[step % per_pass * batch_size :][:batch_size]
            optimizer.zero_grad()
            F.cross_entropy(layer(feature[rows]), label[rows]).backward()
            optimizer.step()
            schedule.step()
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                print_log(f"linear probe: step {step + 1} of {steps}", "current")
    with torch.no_grad():
        return layer(query)


def top_shares(logits: Tensor, truth: Tensor) -> dict[str, float]:
    """Accuracy in percent, ``top1`` and, of more than five classes, ``top5``.

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
