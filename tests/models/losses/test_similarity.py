# SPDX-License-Identifier: Apache-2.0
"""Targets of SimMatch against loops over its equations."""

import pytest
import torch

from rankseg.models.losses import similarity_targets
from rankseg.models.losses.similarity import RULES


def reference(semantic, instance, labels, smoothing):
    """Equations 7 to 10, image by image, labelled image by labelled image."""
    smoothed, calibrated = semantic.clone(), instance.clone()
    for b in range(len(semantic)):
        for i, y in enumerate(labels.tolist()):
            calibrated[b, i] = instance[b, i] * semantic[b, y]
        calibrated[b] /= calibrated[b].sum()
        for k in range(semantic.shape[1]):
            mass = sum(instance[b, i] for i, y in enumerate(labels.tolist()) if y == k)
            smoothed[b, k] = smoothing * semantic[b, k] + (1 - smoothing) * mass
    return smoothed, calibrated


def test_targets_equal_the_equations():
    semantic = torch.randn(5, 4, dtype=torch.double).softmax(1)
    instance = torch.randn(5, 7, dtype=torch.double).softmax(1)
    labels = torch.tensor([0, 2, 2, 1, 0, 0, 2])  # class 3 has no labelled image
    for found, wanted in zip(
        similarity_targets(semantic, instance, labels, 0.9),
        reference(semantic, instance, labels, 0.9),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(found.sum(1), torch.ones(5, dtype=torch.double))


@pytest.mark.parametrize("semantic_rule", RULES)
@pytest.mark.parametrize("instance_rule", RULES)
def test_rules_of_the_ablations(semantic_rule, instance_rule):
    semantic, instance = torch.randn(3, 4).softmax(1), torch.randn(3, 6).softmax(1)
    labels = torch.tensor([0, 1, 2, 3, 0, 0])
    found = similarity_targets(semantic, instance, labels, 0.8, semantic_rule, instance_rule)
    for b in range(3):
        aggregated = torch.stack([instance[b, labels == k].sum() for k in range(4)])
        unfolded = torch.stack([semantic[b, y] for y in labels])
        unfolded = unfolded / unfolded.sum()
        for rule, own, other, mine in (
            (semantic_rule, semantic[b], aggregated, found[0][b]),
            (instance_rule, instance[b], unfolded, found[1][b]),
        ):
            wanted = {
                "smoothing": 0.8 * own + 0.2 * other,
                "scaling": own * other / (own * other).sum(),
                None: own,
            }[rule]
            torch.testing.assert_close(mine, wanted)


def test_without_smoothing_the_prediction_stays():
    semantic = torch.randn(3, 4).softmax(1)
    smoothed, _ = similarity_targets(
        semantic, torch.randn(3, 6).softmax(1), torch.arange(6) % 4, 1.0
    )
    torch.testing.assert_close(smoothed, semantic)


def test_prediction_far_from_every_labeled_image_stays_finite():
    semantic = torch.tensor([[0.0, 1.0]])
    _, calibrated = similarity_targets(
        semantic, torch.tensor([[0.4, 0.6]]), torch.zeros(2).long(), 0.9
    )
    assert calibrated.isfinite().all()
