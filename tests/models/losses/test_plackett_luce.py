# SPDX-License-Identifier: Apache-2.0
import math
from itertools import permutations

import pytest
import torch

from rankseg.models.losses import plackett_luce_kl
from rankseg.models.losses.plackett_luce import order_log_probability

TINY = 1e-30


def order_probabilities(weights: list[float], floor: float = 0.0) -> list[float]:
    """Equation 6, one order after the other."""
    return [
        math.prod(
            weights[order[n]] / (sum(weights[i] for i in order[n:]) + floor)
            for n in range(len(order))
        )
        for order in permutations(range(len(weights)))
    ]


def divergence(teacher: list[float], student: list[float], floor: float = 0.0) -> float:
    pairs = zip(
        order_probabilities(teacher, floor), order_probabilities(student, floor), strict=True
    )
    return sum(p * (math.log(p + floor) - math.log(q + floor)) for p, q in pairs)


def test_example_of_the_paper():
    # eq. 7: P(a, b, c) = c(a) / 1 * c(b) / (c(b) + c(c)) * 1
    found = order_log_probability(torch.tensor([0.3, 0.5, 0.2]).log(), TINY).exp()
    assert found[0].item() == pytest.approx(0.3 * 0.5 / 0.7, rel=1e-6)
    assert found.sum().item() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("floor", [TINY, 1e-10, 1e-3])
@pytest.mark.parametrize("items", [2, 3, 4])
def test_equals_the_sum_over_orders(items, floor):
    generator = torch.Generator().manual_seed(items)
    teacher = torch.randn(6, items, generator=generator).double().log_softmax(-1)
    student = torch.randn(6, items, generator=generator).double().log_softmax(-1)
    found = plackett_luce_kl(teacher.float(), student.float(), floor)
    wanted = [
        divergence(t.exp().tolist(), s.exp().tolist(), floor)
        for t, s in zip(teacher, student, strict=True)
    ]
    torch.testing.assert_close(found.double(), torch.tensor(wanted).double(), rtol=2e-5, atol=2e-6)


def test_gradient_equals_finite_differences():
    teacher = torch.randn(3, 4, dtype=torch.float64).log_softmax(-1)
    student = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)

    def loss(logits):
        tables_in_double = logits.log_softmax(-1)
        total = 0.0
        for t, s in zip(teacher, tables_in_double, strict=True):
            p = t.exp()
            for order in permutations(range(4)):
                remaining = [torch.stack([s.exp()[i] for i in order[n:]]).sum() for n in range(4)]
                log_q = sum(s[order[n]] - remaining[n].log() for n in range(4))
                prob = math.prod(
                    (p[order[n]] / sum(p[i] for i in order[n:])).item() for n in range(4)
                )
                total = total - prob * log_q
        return total

    (wanted,) = torch.autograd.grad(loss(student), student)
    single = student.detach().float().requires_grad_()
    found = plackett_luce_kl(teacher.float(), single.log_softmax(-1), TINY).sum()
    (gradient,) = torch.autograd.grad(found, single)
    torch.testing.assert_close(gradient.double(), wanted, rtol=1e-4, atol=1e-5)


def test_zero_for_equal_and_positive_otherwise():
    weights = torch.randn(50, 4).log_softmax(-1)
    assert plackett_luce_kl(weights, weights).abs().max() == 0
    assert (plackett_luce_kl(weights, torch.randn(50, 4).log_softmax(-1)) > 0).all()


def test_names_of_items_do_not_count():
    teacher, student = torch.randn(2, 20, 4).log_softmax(-1)
    shuffled = [2, 0, 3, 1]
    torch.testing.assert_close(
        plackett_luce_kl(teacher[:, shuffled], student[:, shuffled]),
        plackett_luce_kl(teacher, student),
        rtol=1e-4,
        atol=1e-6,
    )


def test_weights_that_vanish_give_no_nan():
    teacher = torch.tensor([[0.0, -400.0, -500.0, -600.0]])
    student = torch.tensor([[-700.0, -30.0, -200.0, 0.0]], requires_grad=True)
    loss = plackett_luce_kl(teacher, student)
    loss.sum().backward()
    assert loss.isfinite().all() and student.grad.isfinite().all()


def test_floor_decides_whether_tiny_weights_still_learn():
    # the released floor silences orders of items that have no weight; a tiny one does not
    teacher = torch.tensor([[-40.0, -41.0, -42.0, -43.0]])
    for floor, learns in ((1e-10, False), (TINY, True)):
        student = torch.tensor([[-43.0, -42.0, -41.0, -40.0]], requires_grad=True)
        plackett_luce_kl(teacher, student, floor).sum().backward()
        assert (student.grad.abs().max() > 0.1) == learns


def test_no_gradient_to_the_teacher():
    teacher = torch.randn(4, 4, requires_grad=True)
    plackett_luce_kl(teacher, torch.randn(4, 4, requires_grad=True)).sum().backward()
    assert teacher.grad is None


def exact(teacher, student):
    """Equations 6 to 8 in float64, order by order, each denominator relative to its largest."""
    total = 0.0
    for order in permutations(range(len(teacher))):
        log_p, log_q = (
            sum(c[order[n]] - torch.logsumexp(c[list(order[n:])], 0) for n in range(len(order)))
            for c in (teacher, student)
        )
        total = total + log_p.exp() * (log_p - log_q)
    return total


@pytest.mark.parametrize("gap", [0.5, 5.0, 50.0, 200.0])
@pytest.mark.parametrize("items", [2, 3, 4])
def test_without_a_floor_it_is_exact_at_any_gap(items, gap):
    generator = torch.Generator().manual_seed(items)
    pair = torch.rand(2, 8, items, generator=generator, dtype=torch.float64) * gap
    pair[:, :, 0] = 0  # the largest, at the full distance from the smallest
    pair[:, :, 1:] -= gap
    teacher, student = pair[0], pair[1].requires_grad_()
    wanted = torch.stack([exact(*both) for both in zip(teacher, student, strict=True)])
    (gradient,) = torch.autograd.grad(wanted.sum(), student)
    single = student.detach().float().requires_grad_()
    found = plackett_luce_kl(teacher.float(), single, None)
    (mine,) = torch.autograd.grad(found.sum(), single)
    torch.testing.assert_close(found.double(), wanted.detach(), rtol=2e-5, atol=1e-5)
    torch.testing.assert_close(mine.double(), gradient, rtol=1e-4, atol=1e-5)
    assert items == 2 or gradient.abs().max() > 0.01, "some rows disagree about the order"


def test_a_floor_silences_agents_that_are_far_apart():
    teacher = torch.tensor([[0.0, -60.0, -50.0, -55.0]])
    student = torch.tensor([[0.0, -50.0, -60.0, -55.0]], requires_grad=True)
    gradients = [
        torch.autograd.grad(plackett_luce_kl(teacher, student, floor).sum(), student)[0]
        for floor in (1e-10, None)
    ]
    assert gradients[0].abs().max() < 1e-6
    assert gradients[1].abs().max() > 0.9
