# SPDX-License-Identifier: Apache-2.0
"""Soft labels of features from the ranks of their distances to labeled features."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

ROWS = 1024  # features per step, to limit the memory of 50,000 x 10,000 distances


def ranked_labels(
    feature: np.ndarray,
    labeled: np.ndarray,
    label: np.ndarray,
    num_classes: int,
    beta: float,
    rows: int = ROWS,
) -> np.ndarray:
    r"""Compute soft labels by a vote of all labeled features, with more weight for nearer ones.

    .. math::
        W(x) = \frac{\beta}{\beta + R(x) / L}, \qquad
        p(x') = \sum_x W(x) \, p(x) \,/\, \sum_x W(x)

    ``R(x)``, from 1 to ``L``, is the rank of the distance of a labeled feature ``x`` to ``x'``.
    Equal distances share the mean of their ranks, so the order of the list does not matter.

    >>> ranked_labels(np.array([[0.0]]), np.array([[1.0], [2.0]]), np.array([1, 0]), 2, 0.5)
    array([[0.4, 0.6]])

    Args:
        feature: ``(U, D)`` features to label.
        labeled: ``(L, D)`` labeled features, at least one.
        label: ``(L,)`` int classes in ``[0, K)``.
        num_classes: ``K``.
        beta: Weight parameter above 0. A smaller value gives more weight to the nearest features.
        rows: Features per step.

    Returns:
        ``(U, K)`` float64, whose rows sum to 1.

    Raises:
        ValueError: If there is no labeled feature, or ``beta`` is not above 0.

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
    """Check the weight parameter of the ranks.

    Raises:
        ValueError: If ``beta`` is not above 0.
    """
    if not beta > 0:
        raise ValueError(f"beta={beta} of ranked labels: expected a number above 0, such as 0.1")
