# SPDX-License-Identifier: Apache-2.0
"""Consistency losses against slow loops."""

import math

import numpy as np
import pytest
import torch

from rankseg.models.losses import (
    pixel_consistency,
    probability_consistency,
    soft_cross_entropy,
    soft_squared_error,
)
from rankseg.models.mixing import paste

LN2 = math.log(2)  # cross-entropy of two equal logits


@pytest.mark.parametrize(
    ("confidence", "label", "valid", "expected"),
    [
        ([0.99, 0.50], [0, 1], [1, 1], LN2 / 2),  # one of two valid pixels is kept
        ([0.95, 0.95], [0, 1], [1, 1], LN2),  # the threshold is inclusive
        ([0.99, 0.50], [0, 1], [1, 0], LN2),  # padding leaves the denominator
        ([0.99, 0.99], [0, 255], [1, 0], LN2),  # and may hold any label
        ([0.10, 0.10], [0, 1], [1, 1], 0.0),  # nothing trusted
        ([0.99, 0.99], [0, 0], [0, 0], 0.0),  # nothing valid: zero, not NaN
    ],
)
def test_closed_form(confidence, label, valid, expected):
    logits = torch.zeros(1, 2, 1, 2, requires_grad=True)
    confidence = torch.tensor([[confidence]])
    valid = torch.tensor([[valid]]).bool()
    loss = pixel_consistency(logits, torch.tensor([[label]]), confidence, valid, 0.95)
    loss.backward()
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    kept = (confidence >= 0.95) & valid
    assert torch.equal(logits.grad.abs().sum(1) > 0, kept)


def slow(logits, label, confidence, valid, threshold, weight=None, probability=None):
    total = 0.0
    for b, y, x in np.ndindex(*label.shape):
        if valid[b, y, x] and confidence[b, y, x] >= threshold:
            log = logits[b, :, y, x].log_softmax(0)
            for k in range(len(log)):
                wanted = float(label[b, y, x] == k)
                wanted = wanted if probability is None else float(probability[b, k, y, x])
                total = total - wanted * (1 if weight is None else float(weight[k])) * log[k]
    return total / max(1, int(valid.sum()))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_equals_the_slow_loss_with_its_gradient(weighted, soft):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    label = torch.randint(3, (2, 4, 5), generator=generator)
    confidence = torch.rand(2, 4, 5, generator=generator)
    valid = torch.rand(2, 4, 5, generator=generator) < 0.8
    weight = torch.tensor([0.5, 0.0, 3.0]) if weighted else None
    probability = None
    if soft:
        probability = torch.randn(2, 3, 4, 5, generator=generator).softmax(1)
        probability[~valid[:, None].expand_as(probability)] = float("nan")  # is not read
    reference = logits.clone().requires_grad_()
    wanted = slow(reference, label, confidence, valid, 0.5, weight, probability)
    wanted.backward()
    mine = logits.float().requires_grad_()
    found = pixel_consistency(mine, label, confidence, valid, 0.5, weight, probability)
    found.backward()
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    torch.testing.assert_close(mine.grad.double(), reference.grad, rtol=1e-4, atol=1e-7)


def test_soft_labels_that_are_sure_are_hard_labels():
    logits = torch.randn(1, 3, 2, 4)
    label = torch.randint(3, (1, 2, 4))
    sure, valid = torch.ones(1, 2, 4), torch.ones(1, 2, 4, dtype=torch.bool)
    one_hot = torch.nn.functional.one_hot(label, 3).permute(0, 3, 1, 2)
    for weight in (None, torch.tensor([1.0, 2.0, 5.0])):
        hard = pixel_consistency(logits, label, sure, valid, 0.0, weight)
        soft = pixel_consistency(logits, label, sure, valid, 0.0, weight, one_hot)
        torch.testing.assert_close(hard, soft)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("soft", [False, True])
def test_computes_in_float32_in_networks_of_any_type(kind, soft):
    logits, label = torch.randn(1, 3, 2, 4), torch.randint(3, (1, 2, 4))
    sure, valid = torch.ones(1, 2, 4), torch.ones(1, 2, 4, dtype=torch.bool)
    probability = torch.randn(1, 3, 2, 4).softmax(1) if soft else None
    given = (torch.tensor([1.0, 2.0, 5.0]), probability)
    wanted = pixel_consistency(logits, label, sure, valid, 0.0, *given)
    given = [None if one is None else one.to(kind) for one in given]
    found = pixel_consistency(logits.to(kind), label, sure.to(kind), valid, 0.0, *given)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(wanted.item(), rel=0.02)


def test_a_threshold_for_every_pixel():
    logits = torch.zeros(1, 2, 1, 4)
    confidence = torch.tensor([[[0.9, 0.9, 0.7, 0.7]]])
    threshold = torch.tensor([[[0.95, 0.8, 0.95, 0.7]]])
    label, valid = torch.tensor([[[0, 1, 0, 1]]]), torch.ones(1, 1, 4, dtype=torch.bool)
    loss = pixel_consistency(logits, label, confidence, valid, threshold)
    assert loss.item() == pytest.approx(LN2 * 2 / 4, abs=1e-6)


@pytest.mark.parametrize("soft", [False, True])
def test_whatever_stands_in_padding_has_no_say(soft):
    logits = torch.zeros(1, 2, 1, 2)
    logits[:, 0, :, 1] = 1e30
    logits.requires_grad_()
    valid = torch.tensor([[[True, False]]])
    label, sure = torch.zeros(1, 1, 2).long(), torch.ones(1, 1, 2)
    probability = torch.full((1, 2, 1, 2), 0.5) if soft else None
    loss = pixel_consistency(logits, label, sure, valid, 0.5, None, probability)
    loss.backward()
    assert loss.item() == pytest.approx(LN2, abs=1e-6)
    assert logits.grad[..., 1].abs().sum() == 0


def test_size_mismatch_says_what_to_do():
    small = torch.zeros(1, 2, 2)
    with pytest.raises(ValueError, match="Resize the logits to the label"):
        pixel_consistency(torch.zeros(1, 2, 4, 4), small.long(), small, small.bool(), 0.5)
    options = dict(threshold=0.5, probability=torch.ones(1, 2, 1, 1))
    with pytest.raises(ValueError, match=r"one shape, but got \(1, 2, 2, 2\) and \(1, 2, 1, 1\)"):
        pixel_consistency(torch.zeros(1, 2, 2, 2), small.long(), small, small.bool(), **options)


def test_published_values(shared):
    data = np.load(shared / "golden" / "unimatch_loss_0.95.npz")
    weak, mix, strong, perturbed, boxes = (
        torch.tensor(data[key]) for key in ("weak", "mix", "strong", "fp", "boxes_xyxy")
    )
    valid, valid_mix = (torch.tensor(data[key]) != 255 for key in ("ignore", "ignore_mix"))
    (conf_w, label_w), (conf_m, label_m) = weak.softmax(1).max(1), mix.softmax(1).max(1)
    threshold, size = float(data["threshold"]), weak.shape[-1]
    pairs = ((label_w, label_m), (conf_w, conf_m), (valid, valid_mix))
    mixed = (paste(mine, other, boxes, size) for mine, other in pairs)
    found = pixel_consistency(strong, *mixed, threshold)
    assert found.item() == pytest.approx(data["loss_strong"].item(), rel=1e-5)
    found = pixel_consistency(perturbed, label_w, conf_w, valid, threshold)
    assert found.item() == pytest.approx(data["loss_fp"].item(), rel=1e-5)


def reference(logits, target, valid):
    total, count = 0.0, 0
    for b, y, x in valid.nonzero().tolist():
        p, q = logits[b, :, y, x].softmax(0), target[b, :, y, x].softmax(0)
        total, count = total + ((p - q) ** 2).sum() / len(p), count + 1
    return total / max(count, 1)


@pytest.mark.parametrize("size", [(1, 1), (3, 4)])
def test_values_and_gradient(size):
    logits = torch.randn(2, 5, *size, requires_grad=True)
    copy = logits.detach().clone().requires_grad_()
    target = torch.randn(2, 5, *size, requires_grad=True)
    valid = torch.rand(2, *size) > 0.3
    valid[0] = True
    loss, wanted = probability_consistency(logits, target, valid), reference(copy, target, valid)
    torch.testing.assert_close(loss, wanted)
    loss.backward()
    wanted.backward(inputs=[copy])
    torch.testing.assert_close(logits.grad, copy.grad)
    assert target.grad is None


def test_nothing_valid_is_zero():
    logits = torch.randn(1, 2, 3, 3, requires_grad=True)
    loss = probability_consistency(logits, logits + 1, torch.zeros(1, 3, 3, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and not logits.grad.any()


def test_equal_predictions_and_a_shift_of_logits_cost_nothing():
    logits, valid = torch.randn(1, 2, 3, 3), torch.ones(1, 3, 3, dtype=torch.bool)
    assert probability_consistency(logits, logits + 5, valid) < 1e-12


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="of one batch size, height and width"):
        probability_consistency(
            torch.randn(1, 2, 3, 3), torch.randn(1, 2, 1, 1), torch.ones(1, 3, 3)
        )


def test_soft_cross_entropy_values_and_gradient():
    logits = torch.randn(4, 3, dtype=torch.double, requires_grad=True)
    target, weight = torch.randn(4, 3, dtype=torch.double).softmax(1), torch.tensor([1.0, 0, 1, 0])
    loss = soft_cross_entropy(logits, target, weight)
    loss.backward()
    wanted = sum(
        -w * target[b, k] * (logits[b].exp() / logits[b].exp().sum())[k].log()
        for b, w in enumerate(weight)
        for k in range(3)
    )
    torch.testing.assert_close(loss.double(), wanted / 4, rtol=1e-5, atol=0)
    gradient = weight[:, None] * (logits.softmax(1) - target) / 4
    torch.testing.assert_close(logits.grad, gradient.detach(), rtol=1e-5, atol=1e-7)


def test_soft_cross_entropy_of_an_impossible_class_is_finite():
    loss = soft_cross_entropy(torch.tensor([[1e4, -1e4]]), torch.tensor([[1.0, 0.0]]))
    assert loss == 0


def test_soft_squared_error_values_and_gradient():
    logits = torch.randn(4, 3, dtype=torch.double, requires_grad=True)
    target = torch.randn(4, 3, dtype=torch.double).softmax(1).requires_grad_()
    loss = soft_squared_error(logits, target)
    loss.backward()
    assert target.grad is None
    wanted, gradient = 0.0, torch.zeros(4, 3, dtype=torch.double)
    for b in range(4):
        p = logits[b].detach().exp() / logits[b].detach().exp().sum()
        for k in range(3):
            error = (p[k] - target[b, k]).item()
            wanted += error**2 / (4 * 3)
            for j in range(3):  # dp_k / dz_j = p_k ((j == k) - p_j)
                gradient[b, j] += 2 * error / (4 * 3) * p[k] * (float(j == k) - p[j])
    torch.testing.assert_close(loss.item(), wanted, rtol=1e-5, atol=0)
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-4, atol=1e-8)


def test_soft_squared_error_has_its_largest_value_between_sure_opposites():
    loss = soft_squared_error(torch.tensor([[1e4, -1e4, 0.0]]), torch.tensor([[0.0, 0.0, 1.0]]))
    torch.testing.assert_close(loss, torch.tensor(2 / 3))
