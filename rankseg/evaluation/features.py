# SPDX-License-Identifier: Apache-2.0
"""Quality of features: k nearest neighbors and linear classifiers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.utils.progress import track


def check_k(k: int, size: int) -> None:
    """Check that there are at least ``k`` labeled images."""
    expect(1 <= k <= size, "k", f"1 to {size}, the number of labeled images", k)


def check_finite(**features: Tensor) -> None:
    """Check that features, ``(N, D)`` each, are finite."""
    for name, rows in features.items():
        bad = ~rows.isfinite().all(1)
        if bad.any():
            raise ValueError(
                f"Expected all features to be finite, but features of {int(bad.sum())} of "
                f"{len(bad)} {name.replace('_', ' ')} are NaN or infinite. The weights or "
                "activations have overflowed. Use an earlier checkpoint."
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
    wanted = "above 0, such as 0.07"
    expect(temperature is None or temperature > 0, "temperature", wanted, temperature)
    check_finite(labeled_images=bank, queries=query)
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


CLOSEST = 1e-6  # a channel with a smaller deviation is constant, so it is only centered


def draw_share(label: np.ndarray, share: float, seed: int = 0, leave: int = 0) -> np.ndarray:
    """Draw a share, in ``(0, 1]``, of the images of every class, at least one: sorted positions.

    Of every class, ``leave`` images are never drawn, even if there are few.
    """
    rng, drawn = np.random.default_rng(seed), []
    for k in np.unique(label):
        members = np.flatnonzero(label == k)
        count = min(max(1, round(share * len(members))), len(members) - leave)
        drawn.append(rng.permutation(members)[:count])
    return np.sort(np.concatenate(drawn))


def standardize(feature: Tensor, *others: Tensor) -> list[Tensor]:
    """Scale features ``(N, D)`` to length 1, then standardize each channel to mean 0, variance 1.

    The others, ``(M, D)``, get the same transform.
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

    The features are standardized (:func:`standardize`) and the layer is initialized with zeros. The
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
        follows. Differences: features are computed once, from images without augmentation.
    """
    check_finite(labeled_images=feature, queries=query)
    if not len(feature):
        raise ValueError("Expected at least one labeled image for a linear probe, but got none.")
    device = feature.device
    feature, query = standardize(feature, query.to(device))
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
    """Compute the accuracy in percent: ``top1`` and, for more than five classes, ``top5``."""
    found: dict[str, Any] = {}
    for count in (1, 5):
        if count == 1 or logits.shape[1] > count:
            best = logits.topk(count, 1).indices
            right = (best == truth.to(best.device)[:, None]).any(1)
            found[f"top{count}"] = round(100 * right.double().mean().item(), 2)
    return found


def feature_accuracies(
    known: Tensor,
    label: Tensor,
    asked: Tensor,
    truth: Tensor,
    num_classes: int,
    *,
    knn: Sequence[int] = (),
    temperature: float | None = None,
    probes: Mapping[str, np.ndarray] | None = None,
    probe: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Evaluate features by classifying images from others with known classes.

    Args:
        known: ``(N, D)`` features of images with known classes.
        label: ``(N,)`` int64 classes of these images.
        asked: ``(M, D)`` features of images to classify.
        truth: ``(M,)`` int64 true classes of the images to classify.
        num_classes: ``K``.
        knn: Numbers of neighbors that vote.
        temperature: Temperature of the votes, see :func:`~rankseg.evaluation.knn_classify`.
        probes: Names of linear probes, with the positions among the ``N`` images that each of them
            is trained on.
        probe: Options of :func:`~rankseg.evaluation.features.linear_probe`.

    Returns:
        In percent: ``knn1``, ``knn20``, ..., for each probe ``linear_NAME`` (top-1) and, for more
        than five classes, ``linear_NAME_top5``.

    Raises:
        ValueError: If an option is out of its range or a feature is not finite.
    """
    found: dict[str, float] = {}
    asked, label, truth = (part.to(known.device) for part in (asked, label, truth))
    for k in knn:
        guess = knn_classify(known, label, asked, k, temperature, num_classes, chunk=256)
        found[f"knn{k}"] = round(100 * (guess == truth).double().mean().item(), 2)
    for name, rows in (probes or {}).items():
        logits = linear_probe(known[rows], label[rows], asked, num_classes, **(probe or {}))
        for kind, value in top_shares(logits, truth).items():
            found[f"linear_{name}" + ("" if kind == "top1" else f"_{kind}")] = value
    return found
