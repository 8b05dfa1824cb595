# SPDX-License-Identifier: Apache-2.0
"""The graph transduction game against its rule, node by node, and on graphs with a known end."""

import numpy as np
import pytest

from rankseg.selection.graph import knn_graph, transduce

LABELED = np.arange(0, 60, 4)


def make_clusters(spread=0.4):
    rng = np.random.default_rng(0)
    truth = rng.permutation(np.repeat(np.arange(3), [10, 20, 30]))
    features = rng.normal(size=(3, 4))[truth] + spread * rng.normal(size=(60, 4))
    return *knn_graph(features, 6), truth


def reference(similarity, index, labels, labeled, classes, power, rounds):
    """Shares after some rounds of the game, edge by edge."""
    count = len(index)
    weight = np.zeros((count, count))
    for i in range(count):
        for value, j in zip(similarity[i], index[i], strict=True):
            weight[i, j] += max(float(value), 0.0) ** power
            weight[j, i] += max(float(value), 0.0) ** power
    present = sorted(set(labels.tolist()))
    shares = [[1 / len(present) if h in present else 0.0 for h in range(classes)]
              for _ in range(count)]  # fmt: skip
    given = dict(zip(labeled.tolist(), labels.tolist(), strict=True))
    for i, y in given.items():
        shares[i] = [float(h == y) for h in range(classes)]
    for _ in range(rounds):
        payoff = [[sum(weight[i, j] * shares[j][h] for j in range(count)) for h in range(classes)]
                  for i in range(count)]  # fmt: skip
        new = []
        for i in range(count):
            mean = sum(shares[i][h] * payoff[i][h] for h in range(classes))
            moved = [shares[i][h] * payoff[i][h] / mean for h in range(classes)] if mean else None
            new.append(shares[i] if i in given or moved is None else moved)
        shares = new
    return np.array(shares)


@pytest.mark.parametrize(("power", "rounds"), [(3, 1), (3, 5), (1, 20)])
def test_equals_the_rule(power, rounds):
    similarity, index, truth = make_clusters()
    labels = truth[LABELED]
    found = transduce(similarity, index, labels, LABELED, 4, power, max_iter=rounds, tol=0)
    wanted = reference(similarity, index, labels, LABELED, 4, power, rounds)
    reached = found.scores.any(1)
    assert reached.mean() > 0.5
    np.testing.assert_allclose(found.scores[reached], wanted[reached], atol=1e-9)
    assert not found.scores[:, 3].any(), "no node is given this class"


def test_separate_clusters_get_their_class():
    similarity, index, truth = make_clusters(spread=0.01)
    found = transduce(similarity, index, truth[LABELED], LABELED, 3)
    np.testing.assert_array_equal(found.label, truth)
    np.testing.assert_allclose(found.weight[found.weight > 0], 1, atol=1e-3)


def test_does_not_depend_on_the_scale_of_similarities_or_the_order_of_nodes():
    similarity, index, truth = make_clusters()
    labels = truth[LABELED]
    found = transduce(similarity, index, labels, LABELED, 3)
    scaled = transduce(8 * similarity, index, labels, LABELED, 3)
    np.testing.assert_allclose(scaled.scores, found.scores, rtol=1e-6, atol=1e-9)
    order = np.random.default_rng(1).permutation(60)
    place = np.argsort(order)
    other = transduce(similarity[order], place[index[order]], labels, place[LABELED], 3)
    np.testing.assert_allclose(other.scores, found.scores[order], rtol=1e-6, atol=1e-9)


def test_a_part_without_labels_has_weight_zero():
    index = np.array([[1], [0], [3], [2]])
    found = transduce(np.ones((4, 1)), index, np.array([1]), np.array([0]), 2)
    np.testing.assert_array_equal(found.label[:2], [1, 1])
    np.testing.assert_array_equal(found.weight, [1, 1, 0, 0])


def test_labels_must_fit():
    with pytest.raises(ValueError, match="label of a labeled node to be 0 to 1, but got 5"):
        transduce(np.ones((2, 1)), np.array([[1], [0]]), np.array([5]), np.array([0]), 2)
