# SPDX-License-Identifier: Apache-2.0
"""Label propagation against dense algebra, scipy's solver class by class, and reference values."""

import numpy as np
import pytest
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import cg

from rankseg.selection.graph import knn_graph, propagate, propagation, weigh
from rankseg.selection.graph.propagation import conjugate_gradient, transition

LABELED = np.arange(0, 60, 4)


def make_clusters(seed):
    """60 points around 3 centres: similarities, neighbors, classes."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(3), [10, 20, 30]))
    features = rng.normal(size=(3, 4))[truth] + 0.4 * rng.normal(size=(60, 4))
    return *knn_graph(features, 6), truth


@pytest.fixture
def clusters():
    return make_clusters(0)


def dense_graph(similarity, index, power):
    """Normalised adjacency, edge by edge."""
    count = len(index)
    affinity = np.zeros((count, count))
    for i, (values, neighbors) in enumerate(zip(similarity, index, strict=True)):
        for value, j in zip(values, neighbors, strict=True):
            affinity[i, j] = max(float(value), 0.0) ** power
    total = affinity + affinity.T
    degree = total.sum(1)
    return total / np.sqrt(np.outer(degree, degree))


def right_hand_side(labels, labeled_idx, count, num_classes):
    start = np.zeros((count, num_classes))
    for c in range(num_classes):
        members = labeled_idx[labels == c]
        start[members, c] = 1 / len(members)
    return start


def reference(scores, labels, labeled_idx):
    """Labels and weights from scores, row by row."""
    count, num_classes = scores.shape
    label, weight = np.zeros(count, int), np.zeros(count)
    for i, row in enumerate(np.maximum(scores, 0)):
        share = row / row.sum()
        entropy = -sum(p * np.log(p) for p in share if p > 0)
        label[i], weight[i] = np.argmax(row), 1 - entropy / np.log(num_classes)
    weight /= weight.max()
    label[labeled_idx], weight[labeled_idx] = labels, 1
    class_weight = [count / num_classes / (label == c).sum() for c in range(num_classes)]
    return label, weight, class_weight


@pytest.mark.parametrize(("alpha", "power"), [(0.9, 3), (0.99, 1)])
def test_at_convergence_equals_the_inverse(clusters, alpha, power):
    similarity, index, truth = clusters
    labels = truth[LABELED]
    found = propagate(
        similarity, index, labels, LABELED, 3, alpha=alpha, power=power, max_iter=500, tol=1e-12
    )
    graph = dense_graph(similarity, index, power)
    scores = np.linalg.solve(np.eye(60) - alpha * graph, right_hand_side(labels, LABELED, 60, 3))
    label, weight, class_weight = reference(scores, labels, LABELED)
    np.testing.assert_array_equal(found.label, label)
    np.testing.assert_allclose(found.weight, weight, atol=1e-8)
    np.testing.assert_allclose(found.class_weight, class_weight)
    np.testing.assert_allclose(found.scores, scores / scores.sum(1, keepdims=True), atol=1e-8)


@pytest.mark.parametrize(("max_iter", "tol"), [(5, 1e-6), (20, 1e-6), (20, 0.03), (200, 1e-6)])
def test_every_class_stops_where_scipy_stops(clusters, max_iter, tol):
    similarity, index, truth = clusters
    walk = 0.99 * transition(similarity, index, 3)
    start = right_hand_side(truth[LABELED], LABELED, 60, 3)
    start[:, 2] *= 1e3  # the criterion is relative to each column
    columns = np.hstack([start, np.zeros((60, 1)), np.eye(60)[:, :1]])
    found = conjugate_gradient(walk, columns, max_iter, tol)
    system, steps = csr_array(eye_array(60) - walk), []
    for column, mine in zip(columns.T, found.T, strict=True):
        count = []
        wanted, _ = cg(system, column, rtol=tol, maxiter=max_iter, callback=count.append)
        steps.append(len(count))
        np.testing.assert_allclose(mine, wanted, rtol=1e-6, atol=1e-9 * abs(wanted).max())
    assert steps[3] == 0
    if tol > 1e-3:
        assert len(set(steps)) > 2  # classes do stop at different times


@pytest.mark.parametrize("threads", [2, 7, 100])
def test_any_number_of_threads_gives_the_same_bits(clusters, threads, monkeypatch):
    similarity, index, truth = clusters
    walk = 0.99 * transition(similarity, index, 3)
    start = right_hand_side(truth[LABELED], LABELED, 60, 3)
    found = []
    for count in (1, threads):
        monkeypatch.setattr("faiss.omp_get_max_threads", lambda count=count: count)
        found.append(conjugate_gradient(walk, start, 20, 1e-6))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(("classes", "together"), [(4, 2), (5, 3), (5, 4)])
def test_classes_solved_in_blocks_give_the_same_bits(clusters, classes, together, monkeypatch):
    similarity, index, truth = clusters  # some classes have no labeled image
    call = similarity, index, truth[LABELED], LABELED, classes
    wanted = propagate(*call)
    monkeypatch.setattr(propagation, "CLASSES", together)
    monkeypatch.setattr(propagation, "ROWS", 7)
    found = propagate(*call)
    for name in found._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


def test_scores_are_left_as_they_were_unless_they_are_the_output():
    scores = np.array([[1.0, 3.0], [2.0, 0.0]])
    found = weigh(scores, np.array([0]), np.array([1]))
    assert scores.tolist() == [[1, 3], [2, 0]]
    assert found.scores.tolist() == [[0.25, 0.75], [1, 0]]
    assert weigh(scores, np.array([0]), np.array([1]), out=scores).scores is scores
    assert scores.tolist() == [[0.25, 0.75], [1, 0]]


def test_what_a_few_steps_overshoot_below_zero_is_cut():
    similarity, index, truth = make_clusters(36)
    labeled_idx = LABELED[::4]
    labels = truth[labeled_idx]
    walk = 0.99 * transition(similarity, index, 3)
    scores = conjugate_gradient(walk, right_hand_side(labels, labeled_idx, 60, 3), 6, 1e-6)
    assert (scores < 0).any()
    found = propagate(similarity, index, labels, labeled_idx, 3, max_iter=6)
    label, weight, _ = reference(scores, labels, labeled_idx)
    np.testing.assert_array_equal(found.label, label)
    np.testing.assert_allclose(found.weight, weight, atol=1e-9)


def test_published_values(shared):
    golden = np.load(shared / "golden" / "lp_easy.npz")
    similarity, index = knn_graph(golden["X"], int(golden["k"]))
    labeled_idx = golden["labeled_idx"]
    found = propagate(
        similarity,
        index,
        golden["y"][labeled_idx],
        labeled_idx,
        int(golden["num_classes"]),
        max_iter=int(golden["max_iter"]),
    )
    np.testing.assert_array_equal(found.label, golden["p_labels"])
    np.testing.assert_allclose(found.weight, golden["p_weights"], atol=1e-6)
    np.testing.assert_allclose(found.class_weight, golden["class_weights"], atol=1e-6)


def test_order_of_images_does_not_matter(clusters):
    similarity, index, truth = clusters
    order = np.random.default_rng(1).permutation(60)
    place = np.argsort(order)
    found = propagate(similarity, index, truth[LABELED], LABELED, 3)
    moved = propagate(similarity[order], place[index[order]], truth[LABELED], place[LABELED], 3)
    np.testing.assert_array_equal(moved.label, found.label[order])
    np.testing.assert_allclose(moved.weight, found.weight[order], atol=1e-9)
    np.testing.assert_allclose(moved.class_weight, found.class_weight)


def test_a_part_without_labels_gets_weight_0_and_hurts_nobody(clusters):
    similarity, index, truth = clusters
    alone = propagate(similarity, index, truth[LABELED], LABELED, 3)
    both = propagate(
        np.vstack([similarity] * 2), np.vstack([index, index + 60]), truth[LABELED], LABELED, 3
    )
    np.testing.assert_array_equal(both.label[:60], alone.label)
    np.testing.assert_allclose(both.weight, np.append(alone.weight, np.zeros(60)), atol=1e-12)
    np.testing.assert_allclose(both.class_weight, alone.class_weight)
    assert np.isfinite(both.scores).all() and (both.scores[60:] == 0).all()
    assert set(both.label[60:]) <= {0, 1, 2}  # still a class, so that a loss can take it


def test_nodes_without_edges():
    # 3 points away from each other and from the pair (0, 1); node 2 is labelled
    similarity = np.array([[0.9], [0.9], [-0.5], [-0.5], [-0.5]])
    index = np.array([[1], [0], [3], [2], [2]])
    found = propagate(similarity, index, [0, 1], [0, 2], 2)
    assert found.label[[0, 1, 2]].tolist() == [0, 0, 1]
    np.testing.assert_allclose(found.weight, [1, 1, 1, 0, 0])
    np.testing.assert_allclose(found.class_weight, [3 / 2 / 2, 3 / 2 / 1])


def test_negative_similarities_are_no_edges(clusters):
    similarity, index, truth = clusters
    far = similarity.copy()
    far[:, 4:] = -far[:, 4:]
    found = propagate(far, index, truth[LABELED], LABELED, 3)
    wanted = propagate(far[:, :4], index[:, :4], truth[LABELED], LABELED, 3)
    np.testing.assert_allclose(found.weight, wanted.weight, atol=1e-12)


def test_class_without_labeled_image(clusters):
    similarity, index, truth = clusters
    found = propagate(similarity, index, truth[LABELED] % 2, LABELED, 3)
    assert not (found.label == 2).any()
    assert np.isfinite(found.weight).all() and np.isfinite(found.class_weight).all()


def test_one_class(clusters):
    similarity, index, _ = clusters
    found = propagate(similarity, index, np.zeros(15, int), LABELED, 1)
    np.testing.assert_array_equal(found.label, np.zeros(60))
    np.testing.assert_allclose(found.weight, np.ones(60))
    np.testing.assert_allclose(found.class_weight, [1])


def test_labels_of_a_network():
    probability = np.array([[0.7, 0.2, 0.1], [1 / 3] * 3, [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]])
    found = weigh(probability, [1], [0])
    label, weight, _ = reference(probability, np.array([1]), np.array([0]))
    assert found.label.tolist() == [1, 0, 1, 2] == label.tolist()
    np.testing.assert_allclose(found.weight, weight, atol=1e-12)
    np.testing.assert_allclose(found.class_weight, [4 / 3, 2 / 3, 4 / 3])


def test_labeled_nodes_count_without_a_score():
    found = weigh(np.zeros((3, 2)), [1], [0])
    assert found.weight.tolist() == [1, 0, 0]
    np.testing.assert_allclose(found.class_weight, [1 / 2, 1 / 2])


@pytest.mark.parametrize(
    ("labels", "labeled_idx", "alpha", "message"),
    [
        ([0, 3], [1, 2], 0.9, "label of a labeled node to be 0 to 2, but got 3"),
        ([0, -1], [1, 2], 0.9, "label .* but got -1"),
        ([0, 1], [1, 60], 0.9, "node .* 0 to 59, but got 60"),
        ([0], [1, 2], 0.9, "one label for each labeled node"),
        ([], [], 0.9, "at least one"),
        ([0], [1], 1.0, r"alpha .* but got 1.0"),
    ],
)
def test_bad_input(clusters, labels, labeled_idx, alpha, message):
    similarity, index, _ = clusters
    with pytest.raises(ValueError, match=message):
        propagate(similarity, index, labels, labeled_idx, 3, alpha=alpha)
