# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.losses import FocalLoss


def slow(logits, label, gamma, alpha, class_weight):
    """Mean over pixels and classes, one by one."""
    total = 0.0
    for sample, truth in zip(logits.tolist(), label.tolist(), strict=True):
        for k, rows in enumerate(sample):
            for values, labels in zip(rows, truth, strict=True):
                for value, true in zip(values, labels, strict=True):
                    if true == 255:
                        continue
                    p = 1 / (1 + math.exp(-value))
                    p, a = (p, alpha[k]) if true == k else (1 - p, 1 - alpha[k])
                    total -= class_weight[k] * a * (1 - p) ** gamma * math.log(p)
    return total / logits.numel()


@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("alpha", [0.25, [0.1, 0.5, 0.9]])
@pytest.mark.parametrize("class_weight", [None, [1.0, 2.0, 0.5]])
def test_equals_the_slow_loss(gamma, alpha, class_weight):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    label = torch.randint(3, (2, 4, 5), generator=generator)
    label[1, :2] = 255
    loss = FocalLoss(gamma=gamma, alpha=alpha, class_weight=class_weight, loss_weight=0.5)
    each = [alpha] * 3 if isinstance(alpha, float) else alpha
    expected = 0.5 * slow(logits, label, gamma, each, class_weight or [1.0] * 3)
    assert loss(logits, label).item() == pytest.approx(expected, rel=1e-5)


def test_without_focus_it_is_half_of_the_binary_cross_entropy():
    logits, label = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    target = F.one_hot(label, 3).permute(0, 3, 1, 2).float()
    expected = F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / 2
    torch.testing.assert_close(FocalLoss(gamma=0, reduction="sum")(logits, label), expected)


def test_weights_of_pixels():
    logits, label = torch.randn(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long)
    weight = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    found = FocalLoss(reduction="sum")(logits, label, weight)
    torch.testing.assert_close(
        found, FocalLoss(reduction="sum")(logits[..., :1, :1], label[..., :1, :1])
    )


@pytest.mark.parametrize(
    "options",
    [dict(use_sigmoid=False), dict(gamma=-1.0), dict(alpha=[0.5, 1.5]), dict(reduction="none")],
    ids=str,
)
def test_bad_options(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} of FocalLoss to be .*but got"):
        FocalLoss(**options)
