# SPDX-License-Identifier: Apache-2.0
"""Neighbor graphs and clusters against slow loops."""

import faiss
import numpy as np
import pytest
from sklearn.cluster import KMeans

from rankseg.selection.graph import assign_clusters, cluster_centers, knn_graph, neighbors


@pytest.mark.parametrize("k", [1, 7, 39])
def test_equals_sorting_all_cosines(k):
    features = np.random.default_rng(k).normal(size=(40, 5)) * np.arange(1, 41)[:, None]
    similarity, index = knn_graph(features, k)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    wanted = np.argsort(-cosine, axis=1)[:, :k]
    assert index.shape == similarity.shape == (40, k)
    np.testing.assert_array_equal(index, wanted)
    np.testing.assert_allclose(similarity, np.take_along_axis(cosine, wanted, 1), atol=1e-6)
    assert (similarity < 0).any() == (k == 39)  # nothing is cut off


@pytest.mark.parametrize("probes", [None, 3])
def test_features_are_searched_in_blocks(probes, monkeypatch):
    features = np.random.default_rng(1).normal(size=(47, 5))
    wanted = knn_graph(features, 6, probes=probes)
    monkeypatch.setattr(neighbors, "ROWS", 10)
    sizes = [rows.stop - rows.start for rows in neighbors._blocks(47)]
    assert sizes == [10, 10, 10, 17]  # a short last block would be compared in another way
    similarity, index = knn_graph(features, 6, probes=probes)
    np.testing.assert_array_equal(index, wanted[1])
    np.testing.assert_allclose(similarity, wanted[0], atol=1e-6)


def test_nobody_is_their_own_neighbor_among_copies():
    features = np.repeat([[1.0, 2.0], [-1.0, 2.0]], 6, axis=0)
    similarity, index = knn_graph(features, k=3)
    assert (index != np.arange(12)[:, None]).all()
    assert (index // 6 == np.arange(12)[:, None] // 6).all()
    np.testing.assert_allclose(similarity, 1, atol=1e-6)
    assert all(len(set(row)) == 3 for row in index.tolist())


def test_zeros_are_similar_to_nothing():
    similarity, index = knn_graph([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], k=1)
    assert similarity[0] == 0 and index[0] != 0


def test_leaves_features_and_threads_as_they_were():
    features = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    before, threads = features.copy(), faiss.omp_get_max_threads()
    single = knn_graph(features, k=4, threads=1)
    for mine, other in zip(single, knn_graph(features, k=4, threads=2), strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(features, before)
    assert faiss.omp_get_max_threads() == threads


@pytest.mark.parametrize("k", [0, 5, 50])
def test_more_neighbors_than_there_are(k):
    with pytest.raises(ValueError, match=f"k to be 1 to 4 .*the graph has 5 images, but got {k}"):
        knn_graph(np.eye(5), k)


def test_a_network_that_has_diverged():
    features = np.eye(5)
    features[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"those of 1 of 5 images.*first: 3\).*diverged"):
        knn_graph(features, 2)


def clusters(count=2000, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(20, 16))
    return centres[rng.integers(20, size=count)] + 0.3 * rng.normal(size=(count, 16))


def test_all_cells_are_an_exact_search():
    features = clusters(400)
    for mine, other in zip(
        knn_graph(features, 10, probes=10**6), knn_graph(features, 10), strict=True
    ):
        np.testing.assert_allclose(mine, other, atol=1e-6)


def test_a_few_cells_find_most_neighbors():
    features = clusters()
    similarity, index = knn_graph(features, 10, probes=4)
    exact, wanted = knn_graph(features, 10)
    found = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(index, wanted, strict=True)])
    assert 0.8 < found < 1
    assert (similarity <= exact + 1e-6).all()
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(similarity, np.einsum("nd,nkd->nk", unit, unit[index]), atol=1e-6)
    again = knn_graph(features, 10, probes=4)
    np.testing.assert_array_equal(again[1], index)


def test_a_cell_with_too_few_others():
    features = np.concatenate([np.eye(3)[:1].repeat(30, 0), np.eye(3)[1:2].repeat(3, 0)])
    similarity, index = knn_graph(features + 1e-3 * clusters(33)[:, :3], 5, probes=1)
    assert index.min() >= 0 and index.max() < 33
    own = index == np.arange(33)[:, None]
    assert own[-3:].any() and (similarity[own] == 0).all()


def test_no_cell_at_all():
    with pytest.raises(ValueError, match="probes to be 1 or more, .* but got 0"):
        knn_graph(np.eye(9), 2, probes=0)


def blobs(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, 4)) + 9 * np.eye(4)[rng.integers(0, 4, 60)]


def test_as_good_as_another_program():
    points = blobs()
    found, other = cluster_centers(points, 4), KMeans(4, n_init=10, random_state=0).fit(points)
    worth = ((points[:, None] - found) ** 2).sum(2).min(1).sum()
    assert worth == pytest.approx(other.inertia_, rel=1e-4)


def test_the_same_every_time():
    points = blobs(1)
    assert (cluster_centers(points, 7, seed=3) == cluster_centers(points, 7, seed=3)).all()


def test_as_many_clusters_as_images():
    points = blobs()[:3]
    found = cluster_centers(points, 3)
    assert sorted(found[:, 0].tolist()) == pytest.approx(sorted(points[:, 0].tolist()))
    np.testing.assert_allclose(cluster_centers(points, 1)[0], points.mean(0), rtol=1e-5)


@pytest.mark.parametrize("count", [0, 61])
def test_too_few_images(count):
    with pytest.raises(ValueError, match=f"1 to 60 clusters, .* but got {count}"):
        cluster_centers(blobs(), count)


def test_features_that_are_not_finite():
    points = blobs()
    points[3, 1] = np.nan
    with pytest.raises(ValueError, match="not finite.* has diverged"):
        cluster_centers(points, 2)


def test_nearest_center_of_every_feature():
    points, centres = blobs(), blobs(1)[:7]
    each = ((points[:, None] - centres) ** 2).sum(2).argmin(1)
    assert (assign_clusters(points, centres) == each).all()
