# SPDX-License-Identifier: Apache-2.0
from itertools import combinations

import numpy as np
import pytest

from rankseg.selection.matching import load_pairs, save_pairs
from rankseg.selection.matching.affine_sift import Match
from rankseg.selection.matching.pairs import (
    candidates,
    match_cluster,
    pack_pairs,
    share_in_clusters,
    share_of_true,
)


def agreeing(score):
    keypoints = np.arange(4 * score, dtype=np.float32).reshape(-1, 4)
    return Match(np.diag([1.0, 2.0, 1.0]), keypoints)


def test_only_the_nearest_of_a_cluster_are_compared():
    rng = np.random.default_rng(0)
    labels, features = rng.integers(0, 3, 30), rng.standard_normal((30, 4))
    labels[7] = 9  # alone
    found = {tuple(p) for pairs in candidates(labels, features, 3) for p in pairs.tolist()}
    wanted = set()
    for i in range(30):
        others = [j for j in range(30) if j != i and labels[j] == labels[i]]
        others.sort(key=lambda j: np.linalg.norm(features[i] - features[j]))
        wanted |= {(min(i, j), max(i, j)) for j in others[:3]}
    assert found == wanted
    everything = {tuple(p) for pairs in candidates(labels, features, 99) for p in pairs.tolist()}
    assert everything == {p for p in combinations(range(30), 2) if labels[p[0]] == labels[p[1]]}


def test_every_image_keeps_its_best_matches():
    scores = {(0, 1): 30, (0, 2): 20, (0, 3): 10, (1, 2): 25, (1, 3): 9, (2, 3): 0}

    def compare(one, other):
        score = scores[one, other]
        return agreeing(score) if score else None

    found = match_cluster(np.array(list(scores)), lambda i: i, compare, top=1)
    # of 0 and 1 it is each other, of 2 it is 1, of 3 it is 0
    assert [entry[:2] for entry in found] == [(0, 1), (1, 2), (0, 3)]


def test_pairs_are_written_and_read(tmp_path):
    names = ["train/a.png", "train/b.png", "train/c.png"]
    pairs = pack_pairs(names, [(0, 1, agreeing(2)), (1, 2, agreeing(5))], keep=3)
    assert pairs.score.tolist() == [5, 2] and pairs.image.tolist() == [[1, 2], [0, 1]]
    assert np.isfinite(pairs.keypoints[0]).all() and np.isnan(pairs.keypoints[1, 2]).all()
    save_pairs(tmp_path / "x.npz", pairs)
    for one, other in zip(load_pairs(tmp_path / "x.npz"), pairs, strict=True):
        np.testing.assert_array_equal(one, other)
    inverse, swapped = pairs.swapped(0)
    np.testing.assert_allclose(inverse, np.diag([1, 0.5, 1]))
    np.testing.assert_array_equal(swapped[0], pairs.keypoints[0, 0][[2, 3, 0, 1]])
    none = pack_pairs(names, [], keep=3)
    assert none.homography.shape == (0, 3, 3) and none.keypoints.shape == (0, 3, 4)


def test_shares_of_true_pairs():
    truth, labels = np.array([0, 0, 1, 1, 1, -1]), np.array([0, 0, 0, 1, 1, 1])
    assert share_of_true(np.array([[0, 1], [0, 2], [3, 4], [4, 5]]), truth) == pytest.approx(2 / 3)
    assert share_of_true(np.array([[4, 5]]), truth) is None
    listed = [p for p in combinations(range(5), 2) if labels[p[0]] == labels[p[1]]]
    assert share_in_clusters(labels, truth) == share_of_true(np.array(listed), truth)
    assert share_in_clusters(labels, np.full(6, -1)) is None
    assert share_in_clusters(np.arange(6), truth) is None
