# SPDX-License-Identifier: Apache-2.0
"""Divergence between two Plackett-Luce distributions over the orders of ``k`` items."""

from functools import lru_cache
from itertools import permutations

import torch
from torch import Tensor


@lru_cache(maxsize=32)
def _tables(items: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the items in each set, and the sets and choices that each order passes through.

    Sets are numbered by their bits: set ``s`` of ``1 .. 2^k - 1`` is column ``s - 1``.

    Returns:
        ``(k, 2^k - 1)`` membership, ``(2^k - 1, k!)`` sets of items that remain before each choice
        of an order, and ``((2^k - 1) k, k!)`` choices of an item from a set, all float32 zeros and
        ones.
    """
    sets, orders = range(1, 2**items), list(permutations(range(items)))
    member = torch.tensor([[(s >> i) & 1 for s in sets] for i in range(items)]).float()
    choices = torch.zeros(len(sets), items, len(orders))
    for column, order in enumerate(orders):
        for n in range(items):
            choices[sum(1 << i for i in order[n:]) - 1, order[n], column] = 1
    passes = choices.sum(1)
    return member.to(device), passes.to(device), choices.flatten(0, 1).to(device)


def order_log_probability(log_weights: Tensor, floor: float | None = 1e-10) -> Tensor:
    r"""Compute the log-probability of every order of ``k`` items drawn one after the other.

    .. math::
        \log P(\pi) = \sum_n \Big[ \log c_{\pi(n)}
                      - \log\big( \epsilon + \sum_{m \ge n} c_{\pi(m)} \big) \Big]

    The ``k!`` orders share their ``2^k - 1`` denominators, one for each set of items that can
    remain. Weights enter the numerator as logarithms, so that a product of tiny weights does not
    underflow. ``floor`` keeps the logarithm of a denominator finite.

    Args:
        log_weights: ``(..., k)`` float32 log-weights.
        floor: ``epsilon``, above 0. The released code adds 1e-10; the paper (eq. 6) has none. None
            adds nothing and computes every denominator in the log domain, which is exact for
            weights that are any number of orders of magnitude apart.

    Returns:
        ``(..., k!)``, orders as listed by ``itertools.permutations(range(k))``.

    Source: RankMatch (CVPR 2024), eqs. 6 and 7.
    """
    member, passes, choices = _tables(log_weights.size(-1), log_weights.device)
    if floor is not None:
        denominator = (log_weights.exp() @ member + floor).log()
        return log_weights.sum(-1, keepdim=True) - denominator @ passes
    each = log_weights.unsqueeze(-2)
    denominator = (each + member.T.log()).logsumexp(-1, keepdim=True)
    # subtract before adding up: a sure choice then adds exactly 0, however small its weight
    return (each - denominator).flatten(-2) @ choices


def plackett_luce_kl(teacher: Tensor, student: Tensor, floor: float | None = 1e-10) -> Tensor:
    """Compute ``KL(teacher || student)`` of the distributions over all ``k!`` orders.

    Args:
        teacher: ``(..., k)`` float32 log-weights; they receive no gradient.
        student: ``(..., k)`` log-weights of the same items.
        floor: Smallest probability that differs from zero: it is added to every denominator and to
            the probability of every order, as in the released code. Orders among items with
            practically no weight then have no influence. None computes the exact divergence.

    Returns:
        ``(...)`` divergence in nats.
    """
    if floor is None:
        target_log = order_log_probability(teacher.detach(), None)
        student_log = order_log_probability(student, None)
        return (target_log.exp() * (target_log - student_log)).sum(-1)
    with torch.no_grad():
        target = order_log_probability(teacher, floor).exp()
        target_log = (target + floor).log()
    student_log = (order_log_probability(student, floor).exp() + floor).log()
    return (target * (target_log - student_log)).sum(-1)
