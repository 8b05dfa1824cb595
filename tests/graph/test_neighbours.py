# SPDX-License-Identifier: Apache-2.0
import faiss
import numpy as np
import pytest

from rankseg.graph import knn_graph


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


def test_nobody_is_their_own_neighbour_among_copies():
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
def test_more_neighbours_than_there_are(k):
    with pytest.raises(ValueError, match=f"k={k} neighbours in a graph of 5 images.* from 1 to 4"):
        knn_graph(np.eye(5), k)


def test_a_network_that_has_diverged():
    features = np.eye(5)
    features[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"features of 1 of 5 images.*first: 3\).*diverged"):
        knn_graph(features, 2)
