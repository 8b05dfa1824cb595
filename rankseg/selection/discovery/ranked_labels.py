# SPDX-License-Identifier: Apache-2.0
"""Soft labels of features from the ranks of their distances to labelled ones."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

ROWS = 1024  # features at once: memory stays small for 50,000 x 10,000 distances


def ranked_labels(
    feature: np.ndarray,
    labeled: np.ndarray,
    label: np.ndarray,
    num_classes: int,
    beta: float,
    rows: int = ROWS,
) -> np.ndarray:
    r"""Let all labelled features vote for the class of each feature, the nearest with most weight.

    .. math::
        W(x) = \frac{\beta}{\beta + R(x) / L}, \qquad
        p(x') = \sum_x W(x) \, p(x) \,/\, \sum_x W(x)

    ``R(x)``, from 1 to ``L``, is the rank of the distance of a labelled feature ``x`` to ``x'``;
    equal distances share the mean of their ranks, so that the order of the list does not matter.

    >>> ranked_labels(np.array([[0.0]]), np.array([[1.0], [2.0]]), np.array([1, 0]), 2, 0.5)
    array([[0.4, 0.6]])

    Args:
        feature: ``(U, D)`` whose labels are asked for.
        labeled: ``(L, D)``, at least one.
        label: ``(L,)`` int classes in ``[0, K)``.
        num_classes: ``K``.
        beta: Above 0. The smaller, the more the nearest ones decide.
        rows: Features at once.

    Returns:
        ``(U, K)`` float64, rows add up to 1.

    Raises:
        ValueError: If there is no labelled feature, or ``beta`` is not above 0.

    Source: LMCS (dissertation, chapter 3), eq. 3.10 and 3.11.
    """
    check_beta(beta)
    if not len(labeled):
        raise ValueError("there is no labelled feature to take labels from")
    one_hot = np.eye(num_classes)[label]
    soft = np.empty((len(feature), num_classes))
    for start in range(0, len(feature), rows):
        piece = slice(start, start + rows)
        rank = rankdata(cdist(feature[piece], labeled), axis=1)
        soft[piece] = (beta / (beta + rank / len(labeled))) @ one_hot
    return soft / soft.sum(1, keepdims=True)


def check_beta(beta: float) -> None:
    """Check the weight control of the ranks.

    Raises:
        ValueError: If it is not above 0.
    """
    if not beta > 0:
        raise ValueError(f"beta={beta} of ranked labels: expected a number above 0, such as 0.1")
