# SPDX-License-Identifier: Apache-2.0
"""Ranked labels against eq. 3.10 and 3.11, feature by feature."""

import numpy as np
import pytest

from rankseg.selection.discovery.ranked_labels import ranked_labels


def slow(feature, labeled, label, classes, beta):
    """The equations in words: sort by distance, number from 1, vote."""
    result = []
    for point in feature:
        distance = [float(np.sqrt(((point - other) ** 2).sum())) for other in labeled]
        votes = [0.0] * classes
        for own, kind in zip(distance, label, strict=True):
            nearer = sum(other < own for other in distance)
            alike = sum(other == own for other in distance)
            rank = nearer + (1 + alike) / 2
            votes[kind] += beta / (beta + rank / len(labeled))
        result.append([vote / sum(votes) for vote in votes])
    return np.array(result)


@pytest.mark.parametrize("beta", [0.05, 1.0])
@pytest.mark.parametrize("count", [1, 7])
def test_equals_the_equations(beta, count):
    rng = np.random.default_rng(0)
    feature, labeled = rng.normal(size=(23, 4)), rng.normal(size=(count, 4))
    label = rng.integers(0, 2, count)  # class 2 is empty
    found = ranked_labels(feature, labeled, label, 3, beta, rows=5)
    np.testing.assert_allclose(found, slow(feature, labeled, label, 3, beta))
    assert (found[:, 2] == 0).all()


def test_equal_distances_have_equal_votes():
    feature, labeled = np.zeros((1, 2)), np.array([[1, 0], [0, 1], [-1, 0], [5, 5]])
    found = ranked_labels(feature, labeled, np.array([0, 1, 2, 0]), 3, 0.1)
    assert found[0, 1] == found[0, 2] < found[0, 0]
    np.testing.assert_allclose(found, slow(feature, labeled, [0, 1, 2, 0], 3, 0.1))


def test_only_ranks_count():
    near = ranked_labels(np.zeros((1, 1)), np.array([[1.0], [2.0]]), np.array([0, 1]), 2, 0.3)
    far = ranked_labels(np.zeros((1, 1)), np.array([[9.0], [90.0]]), np.array([0, 1]), 2, 0.3)
    assert (near == far).all() and near[0, 0] > 0.5


def test_nothing_to_label():
    assert ranked_labels(np.zeros((0, 2)), np.zeros((1, 2)), np.array([0]), 3, 1.0).shape == (0, 3)


@pytest.mark.parametrize("beta", [0, -1.0])
def test_beta_must_be_positive(beta):
    with pytest.raises(ValueError, match=f"beta={beta} of ranked labels: expected"):
        ranked_labels(np.zeros((1, 2)), np.zeros((1, 2)), np.array([0]), 1, beta)


def test_needs_a_label():
    with pytest.raises(ValueError, match="no labelled feature"):
        ranked_labels(np.zeros((1, 2)), np.zeros((0, 2)), np.zeros(0, int), 1, 0.1)
