# SPDX-License-Identifier: Apache-2.0
"""Values from which there is nothing to learn, for every loss: zero, and never NaN."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from rankseg.models import losses as rankseg_losses
from rankseg.models.layers import doubly_normalized
from rankseg.models.losses import (
    FocalLoss,
    OhemCrossEntropy,
    OhemCrossEntropyLoss,
    RankCorrelationLoss,
    assembly_correlation,
    assembly_entropy,
    attention_consistency,
    contrastive_clustering,
    discriminative_loss,
    info_nce,
    keypoint_mask,
    local_coherence,
    mean_shift,
    nearest,
    orthogonal_agents,
    pair_distance,
    pixel_consistency,
    plackett_luce_kl,
    probability_consistency,
    prototype_loss,
    similarity_targets,
    sinkhorn_codes,
    soft_cross_entropy,
    soft_squared_error,
    supervised_contrast,
    swapped_prediction,
)
from rankseg.models.losses.agents import SELECTIONS
from rankseg.models.losses.rank_correlation import CONSISTENCIES
from rankseg.models.memory.bank import DistributionQueue, FeatureBank
from rankseg.registry import MODELS

LOGITS = {
    "large": torch.tensor([1e4, -1e4, 0.0]),
    "larger": torch.tensor([1e30, -1e30, 1e30]),
    "equal": torch.zeros(3),
}


def maps(values, dtype=torch.float32):
    return values.to(dtype)[None, :, None, None].repeat(2, 1, 4, 4).requires_grad_()


def check(loss, *inputs, zero=False):
    assert loss.isfinite().all() and loss.dtype == torch.float32
    grads = torch.autograd.grad(loss.sum(), inputs)
    assert all(grad.isfinite().all() for grad in grads)
    if zero:
        assert loss == 0 and all(grad.eq(0).all() for grad in grads)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("which", LOGITS)
def test_losses_of_pixels(which, valid, dtype):
    for label in range(3):
        logits, other = maps(LOGITS[which], dtype), maps(LOGITS[which].flip(0), dtype)
        truth = torch.full((2, 4, 4), label)
        sure, inside = torch.ones(2, 4, 4), torch.full((2, 4, 4), valid)
        check(pixel_consistency(logits, truth, sure, inside, 0.9), logits, zero=not valid)
        check(pixel_consistency(logits, truth, 0 * sure, inside, 0.9), logits, zero=True)
        check(probability_consistency(logits, other, inside), logits, zero=not valid)
        truth = truth if valid else torch.full_like(truth, 255)
        ohem = OhemCrossEntropyLoss(min_kept=5), OhemCrossEntropy(min_kept=5)
        for loss in (*ohem, FocalLoss(), CrossEntropy()):
            check(loss(logits.float(), truth), logits, zero=not valid)


class CrossEntropy:
    """mmseg's, as our configs have it."""

    def __call__(self, logits, label):
        init_default_scope("rankseg")
        loss = MODELS.build(dict(type="CrossEntropyLoss", avg_non_ignore=True))
        return loss(logits, label, ignore_index=255)


FEATURES = {
    "zero": lambda: torch.zeros(2, 8, 3, 3),
    "constant": lambda: torch.full((2, 8, 3, 3), 5.0),
    "large": lambda: 1e4 * torch.randn(2, 8, 3, 3),
    "tiny": lambda: 1e-30 * torch.randn(2, 8, 3, 3),
    "one image": lambda: torch.randn(1, 8, 3, 3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("consistency", CONSISTENCIES)
@pytest.mark.parametrize("which", FEATURES)
def test_rank_correlation(which, consistency, selection, dtype):
    torch.manual_seed(0)
    loss = RankCorrelationLoss(
        num_agents=5, topk=4, selection=selection, consistency=consistency, loss_weight=1.0
    )
    weak, strong = FEATURES[which]().to(dtype), FEATURES[which]().to(dtype).requires_grad_()
    check(loss(weak, strong), strong)
    nothing = torch.zeros(len(weak), 3, 3, dtype=torch.bool)
    check(loss(weak, strong, valid=nothing), strong, zero=True)


@pytest.mark.parametrize("which", FEATURES)
def test_agents_are_different_positions(which):
    chosen = orthogonal_agents(FEATURES[which](), 9)
    assert all(sorted(row) == list(range(9)) for row in chosen.tolist())


def test_orders_of_weights_that_are_all_in_one():
    certain = torch.tensor([[0.0, -1e4, -1e4, -1e4], [0.0, 0.0, 0.0, 0.0]]).requires_grad_()
    check(plackett_luce_kl(certain.detach().flip(0), certain), certain)


@pytest.mark.parametrize("semantic", ["smoothing", "scaling", None])
@pytest.mark.parametrize("instance", ["smoothing", "scaling", None])
def test_targets_that_exclude_each_other(semantic, instance):
    # all labelled images are of class 0, of which the prediction is sure that it is not
    sure = torch.tensor([[0.0, 1.0]])
    targets = similarity_targets(
        sure, torch.tensor([[0.5, 0.5]]), torch.tensor([0, 0]), 0.9, semantic, instance
    )
    for target in targets:
        logits = torch.tensor([[1e4, -1e4]]).requires_grad_()
        check(soft_cross_entropy(logits, target), logits)
        check(soft_squared_error(logits, target), logits)
        check(soft_cross_entropy(logits, target, torch.zeros(1)), logits, zero=True)


def test_memory_of_nothing():
    bank, queue = FeatureBank(3, 4, momentum=0.5), DistributionQueue(2, 3)
    for _ in range(3):
        bank.write(torch.tensor([0, 0, 2]), torch.zeros(3, 4), torch.tensor([1, 1, 2]))
        aligned = queue.align(F.one_hot(torch.zeros(4, dtype=torch.long), 3).float())
    assert bank.feature.isfinite().all() and aligned.isfinite().all()
    other = F.one_hot(torch.tensor([1, 2]), 3).float()  # classes of which the queue knows nothing
    assert queue.align(other).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", LOGITS)
def test_features_among_clusters(which, dtype):
    feature = LOGITS[which].clamp(-1e15, 1e15).to(dtype).repeat(2, 1).requires_grad_()
    for centres in (torch.zeros(2, 3), feature.detach().float(), torch.randn(4, 3)):
        check(discriminative_loss(feature, centres), feature)
        check(contrastive_clustering(feature, centres), feature)
        own = torch.arange(len(feature)) % len(centres)
        check(contrastive_clustering(feature, centres, own), feature)
    check(pair_distance(feature, torch.zeros_like(feature)), feature)
    check(pair_distance(feature, feature.detach()), feature, zero=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", ["edge", "far", "behind", "flat"])
def test_attention_under_any_map(which, dtype):
    homography = {
        "edge": [[1.0, 0, 2], [0, 1, 0], [0, 0, 1]],
        "far": [[1e-6, 0, 1e9], [0, 1e-6, 0], [0, 0, 1]],
        "behind": [[1.0, 0, 0], [0, 1, 0], [0, 0, -1]],
        "flat": [[0.0, 0, 0], [0, 0, 0], [0, 0, 0]],
    }[which]
    maps = torch.rand(2, 1, 5, 5).to(dtype).requires_grad_()
    homography = torch.tensor(homography).expand(2, 3, 3)
    points = torch.tensor([[[1e9, -1e9], [torch.nan, 0]], [[torch.nan] * 2] * 2])
    mask = keypoint_mask(points, (5, 5), 0.1)
    assert mask[0].eq(0).all() and mask[1].eq(1).all()
    for masks in ((), (mask, mask)):
        check(attention_consistency(maps, 1 - maps, homography, *masks), maps, zero=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", LOGITS)
def test_neighbors_of_anything(which, dtype):
    online = LOGITS[which].clamp(-1e15, 1e15).to(dtype).repeat(2, 1).requires_grad_()
    for allowed in (torch.zeros(3).bool(), torch.ones(3).bool()):
        unit = F.normalize(online.float(), dim=1)
        chosen = nearest(unit.detach() @ torch.eye(3), 2, allowed)
        check(mean_shift(unit, torch.eye(3), chosen).sum(), online)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", FEATURES)
def test_assembly_of_anything(which, dtype):
    feature = FEATURES[which]().to(dtype)
    logits = torch.randn(len(feature), 9, 9).mul(100).requires_grad_()
    for term in (
        lambda log_weights: assembly_entropy(log_weights),
        lambda log_weights: assembly_correlation(log_weights.exp()),
        lambda log_weights: local_coherence(log_weights.exp(), feature),
    ):
        check(term(doubly_normalized(logits, 20)), logits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", LOGITS)
def test_contrast_of_anything(which, dtype):
    vectors = F.normalize(LOGITS[which].double(), dim=0).to(dtype).repeat(4, 1)
    online, own = vectors.clone().requires_grad_(), torch.arange(4)
    check(info_nce(online, vectors, own, 0.01), online)
    check(swapped_prediction(online, sinkhorn_codes(vectors), 0.01), online)
    check(swapped_prediction(online, sinkhorn_codes(LOGITS[which].repeat(4, 1)), 0.01), online)
    for used in (True, False):
        valid = torch.full((4,), used)
        rows = supervised_contrast(online, vectors, torch.eye(4).bool(), valid, 0.01)
        check(rows.sum(), online, zero=not used)
        labels = own if used else torch.full((4,), -1)
        rows = prototype_loss(online, vectors, labels, own, 4, 0.01)
        check(rows.sum(), online, zero=not used)


def test_every_loss_is_here():
    known = {
        *("FocalLoss", "OhemCrossEntropy"),
        *("OhemCrossEntropyLoss", "RankCorrelationLoss", "orthogonal_agents", "pixel_consistency"),
        *("plackett_luce_kl", "probability_consistency", "similarity_targets"),
        *("soft_cross_entropy", "soft_squared_error", "discriminative_loss"),
        *("mean_shift", "nearest"),
        *("assembly_correlation", "assembly_entropy", "local_coherence"),
        *("attention_consistency", "contrastive_clustering", "keypoint_mask", "pair_distance"),
        *("info_nce", "prototype_loss", "sinkhorn_codes", "supervised_contrast"),
        "swapped_prediction",
    }
    assert set(rankseg_losses.__all__) == known
