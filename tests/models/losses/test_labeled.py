# SPDX-License-Identifier: Apache-2.0
"""Losses of heads have the values of mmseg's own code."""

import pytest
import torch
from mmseg.models.losses import CrossEntropyLoss, DiceLoss, LovaszLoss

from rankseg.models.losses.labeled import labeled_loss

WEIGHTS = [0.5, 2.0, 1.0]
LOSSES = {
    "cross-entropy": CrossEntropyLoss(loss_weight=0.4),
    "class weights": CrossEntropyLoss(class_weight=WEIGHTS, loss_weight=0.4),
    "sum": CrossEntropyLoss(class_weight=WEIGHTS, avg_non_ignore=True, reduction="sum"),
    "sigmoid": CrossEntropyLoss(use_sigmoid=True),
    "dice": DiceLoss(loss_weight=0.4),
    "dice of a softmax": DiceLoss(use_sigmoid=False, naive_dice=True, eps=1.0),
    "dice without a class": DiceLoss(use_sigmoid=False, ignore_index=1),
    "dice of probabilities": DiceLoss(activate=False, ignore_index=None),
    "lovasz": LovaszLoss(per_image=True, reduction="mean"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients_are_those_of_mmseg(name):
    torch.manual_seed(0)
    label = torch.randint(3, (2, 5, 6))
    label[0, :2] = 255
    values = torch.randn(2, 3, 5, 6)
    mine, reference = values.clone().requires_grad_(), values.clone().requires_grad_()
    loss = LOSSES[name]
    found = labeled_loss(loss, mine, label, None, 255)
    expected = loss(reference, label, ignore_index=255)
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    torch.testing.assert_close(mine.grad, reference.grad)


def test_weights_of_a_sampler_are_used():
    logits, label = torch.randn(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long)
    weight = torch.tensor([[[1.0, 0], [0, 0]]])
    for given in (None, WEIGHTS):
        loss = CrossEntropyLoss(class_weight=given, reduction="sum")
        first = logits[0, :, 0, 0].log_softmax(0)[0].neg() * (1 if given is None else 0.5)
        torch.testing.assert_close(labeled_loss(loss, logits, label, weight, 255), first)
