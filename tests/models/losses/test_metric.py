# SPDX-License-Identifier: Apache-2.0
"""Losses of pytorch-metric-learning by name; the one of the baseline against its equations."""

import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from rankseg.models.losses.metric import NAMES, build_metric, takes_references


@pytest.fixture(autouse=True)
def scope():
    init_default_scope("rankseg")


@pytest.mark.parametrize("name", [name for names in NAMES.values() for name in names])
def test_all_are_built_by_name(name):
    sizes = dict(num_classes=3, embedding_size=4) if name.startswith("Proxy") else {}
    assert type(build_metric(dict(type=name, **sizes))).__name__ == name


def test_options_are_built_too():
    loss = build_metric(dict(type="ContrastiveLoss", distance=dict(type="CosineSimilarity")))
    assert type(loss.distance).__name__ == "CosineSimilarity"


def test_which_losses_compare_with_a_memory():
    assert takes_references(build_metric(dict(type="MultiSimilarityLoss")))
    proxies = dict(type="ProxyAnchorLoss", num_classes=3, embedding_size=4)
    assert not takes_references(build_metric(proxies))


def slow_multi_similarity(x, y, alpha, beta, base, epsilon):
    """Equations 10 to 12 of Multi-Similarity (CVPR 2019), image by image."""
    total = 0.0
    for i in range(len(x)):
        same = [x[i] @ x[j] for j in range(len(x)) if j != i and y[j] == y[i]]
        other = [x[i] @ x[j] for j in range(len(x)) if y[j] != y[i]]
        hard_same = [s for s in same if s - epsilon < max(other)]
        hard_other = [s for s in other if s + epsilon > min(same)]
        pull = sum(torch.exp(-alpha * (s - base)) for s in hard_same)
        push = sum(torch.exp(beta * (s - base)) for s in hard_other)
        total = total + torch.log(1 + torch.as_tensor(pull)) / alpha
        total = total + torch.log(1 + torch.as_tensor(push)) / beta
    return total / len(x)


def test_multi_similarity_is_that_of_the_paper():
    torch.manual_seed(0)
    raw = torch.randn(12, 3, dtype=torch.float64)
    label = torch.arange(12) % 4
    grads = []
    loss = build_metric(dict(type="MultiSimilarityLoss", alpha=2, beta=50, base=0.5))
    miner = build_metric(dict(type="MultiSimilarityMiner", epsilon=0.1))
    slow = dict(alpha=2, beta=50, base=0.5, epsilon=0.1)
    for run in (
        lambda x: loss(x, label, miner(x, label)),
        lambda x: slow_multi_similarity(x, label, **slow),
    ):
        leaf = raw.clone().requires_grad_()
        value = run(F.normalize(leaf, dim=1))
        value.backward()
        grads.append((value.detach(), leaf.grad))
    torch.testing.assert_close(grads[0], grads[1])
    assert 0 < grads[0][0] < 100 and math.isfinite(grads[0][1].sum())
