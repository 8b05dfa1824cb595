# SPDX-License-Identifier: Apache-2.0
"""Divergence between two Plackett-Luce distributions over the orders of ``k`` items."""

from functools import lru_cache
from itertools import permutations

import torch
from torch import Tensor


@lru_cache(maxsize=32)
def _tables(items: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the items in each set, and the sets that each order passes through.

    Sets are numbered by their bits: set ``s`` of ``1 .. 2^k - 1`` is column ``s - 1``.

    Returns:
        ``(k, 2^k - 1)`` membership, and ``(2^k - 1, k!)`` sets of items that remain before each
        choice of an order, both float32 zeros and ones.
    """
    member = torch.zeros(items, 2**items - 1)
    for s in range(1, 2**items):
        for i in range(items):
            member[i, s - 1] = (s >> i) & 1
    orders = list(permutations(range(items)))
    passes = torch.zeros(2**items - 1, len(orders))
    for column, order in enumerate(orders):
        for n in range(items):
            passes[sum(1 << i for i in order[n:]) - 1, column] = 1
    return member.to(device), passes.to(device)


def order_log_probability(log_weights: Tensor, floor: float = 1e-10) -> Tensor:
    r"""Compute the log-probability of every order of ``k`` items drawn one after the other.

    .. math::
        \log P(\pi) = \sum_n \Big[ \log c_{\pi(n)}
                      - \log\big( \epsilon + \sum_{m \ge n} c_{\pi(m)} \big) \Big]

    The ``k!`` orders share their ``2^k - 1`` denominators, one for each set of items that can
    remain. Weights enter the numerator as logarithms, so that a product of tiny weights does not
    underflow. ``floor`` keeps the logarithm of a denominator finite.

    Args:
        log_weights: ``(..., k)`` float32 log-weights.
        floor: ``epsilon``, above 0. The released code adds 1e-10; the paper (eq. 6) has none.

    Returns:
        ``(..., k!)``, orders as listed by ``itertools.permutations(range(k))``.

    Source: RankMatch (CVPR 2024), eqs. 6 and 7.
    """
    member, passes = _tables(log_weights.size(-1), log_weights.device)
    denominator = (log_weights.exp() @ member + floor).log()
    return log_weights.sum(-1, keepdim=True) - denominator @ passes


def plackett_luce_kl(teacher: Tensor, student: Tensor, floor: float = 1e-10) -> Tensor:
    """Compute ``KL(teacher || student)`` of the distributions over all ``k!`` orders.

    Args:
        teacher: ``(..., k)`` float32 log-weights; they receive no gradient.
        student: ``(..., k)`` log-weights of the same items.
        floor: Smallest probability that differs from zero: it is added to every denominator and to
            the probability of every order, as in the released code. Orders among items with
            practically no weight then have no influence.

    Returns:
        ``(...)`` divergence in nats.
    """
    with torch.no_grad():
        target = order_log_probability(teacher, floor).exp()
        target_log = (target + floor).log()
    student_log = (order_log_probability(student, floor).exp() + floor).log()
    return (target * (target_log - student_log)).sum(-1)
