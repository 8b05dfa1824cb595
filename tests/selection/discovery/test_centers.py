# SPDX-License-Identifier: Apache-2.0
"""Class centers, and selection in rounds."""

import numpy as np
import pytest

from rankseg.selection.discovery import Evidence, centers, critical_samples, nearest_centers
from rankseg.selection.discovery.centers import class_centers, nearest_center, round_robin


def test_centers_are_means():
    rng = np.random.default_rng(0)
    feature, label = rng.normal(size=(9, 4)).astype(np.float32), np.array([0, 2, 2, 0, 3] + [3] * 4)
    found = class_centers(feature, label, 5)
    for k in (0, 2, 3):
        mean = sum(f.astype(float) for f, y in zip(feature, label, strict=True) if y == k)
        np.testing.assert_allclose(found[k], mean / (label == k).sum())
    assert np.isnan(found[[1, 4]]).all()


def test_nearest_center():
    rng = np.random.default_rng(1)
    feature, centres = rng.normal(size=(30, 3)), rng.normal(size=(4, 3))
    centres[1] = np.nan
    distance, label = nearest_center(feature, centres)
    for point, how_far, kind in zip(feature, distance, label, strict=True):
        apart = {k: ((point - centres[k]) ** 2).sum() ** 0.5 for k in (0, 2, 3)}
        assert kind == min(apart, key=apart.get)
        assert how_far == pytest.approx(min(apart.values()))


def test_features_are_compared_in_blocks(monkeypatch):
    feature = np.random.default_rng(0).normal(size=(11, 3))
    wanted = nearest_center(feature, feature[:4])
    monkeypatch.setattr(centers, "ROWS", 4)
    for mine, other in zip(nearest_center(feature, feature[:4]), wanted, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert [len(one) for one in nearest_center(feature[:0], feature[:4])] == [0, 0]


def test_of_equal_ones_the_first():
    distance, label = nearest_center(np.zeros((1, 1)), np.array([[np.nan], [1.0], [-1.0]]))
    assert (distance.tolist(), label.tolist()) == ([1.0], [1])


def test_no_center():
    with pytest.raises(ValueError, match="no class has a labeled feature"):
        nearest_center(np.zeros((1, 1)), np.full((2, 1), np.nan))


def play(order, label):
    """Round by round every class gives its best image that is left; the best of a round first."""
    left, found = list(order), []
    while left:
        firsts = {label[i]: i for i in reversed(left)}.values()
        found += [i for i in left if i in firsts]
        left = [i for i in left if i not in firsts]
    return found


@pytest.mark.parametrize("count", [0, 1, 5, 30])
def test_equals_the_game(count):
    rng = np.random.default_rng(count)
    label = rng.choice([0, 2, 3], count, p=[0.7, 0.2, 0.1]) if count else np.zeros(0, int)
    order = rng.permutation(count)
    assert round_robin(order, label).tolist() == play(order, label)
    assert round_robin(order[: count // 2], label).tolist() == play(order[: count // 2], label)


@pytest.fixture
def evidence():
    """Of three classes the first is near to most images."""
    rng = np.random.default_rng(0)
    centre = np.eye(3)[np.arange(9) % 3]
    near = np.eye(3)[np.repeat([0, 1, 2], [60, 12, 8])]
    return Evidence(
        centre + 0.1 * rng.normal(size=(9, 3)),
        np.arange(9) % 3,
        near + 0.3 * rng.normal(size=(80, 3)),
        np.zeros((80, 3)),
        9,
    )


@pytest.mark.parametrize("keep", ["min", "far", "max", "random"])
def test_nearest_of_every_class(evidence, keep):
    plain, turns = (
        nearest_centers(
            evidence, 15, np.random.default_rng(1), keep, confident=2, balanced=balanced
        )
        for balanced in (False, True)
    )
    assert np.bincount(turns.label).tolist() == [5, 5, 5] != np.bincount(plain.label).tolist()
    if keep in ("min", "max"):
        every = nearest_centers(evidence, 80, np.random.default_rng(1), keep)
        for k in range(3):
            wanted = every.row[every.label == k][:5]
            assert turns.row[turns.label == k].tolist() == wanted.tolist()


def test_confident_ones_are_of_every_class_too(evidence):
    every = nearest_centers(evidence, 80, np.random.default_rng(0))
    found = nearest_centers(
        evidence, 6, np.random.default_rng(0), "far", confident=2, balanced=True
    )
    for k in range(3):  # the 12 confident ones are 4 of each class, and their last 2 the farthest
        wanted = every.row[every.label == k][2:4]
        assert sorted(found.row[found.label == k]) == sorted(wanted)


@pytest.mark.parametrize("rule", ["unconfined_maximum_entropy", "minimum_distance"])
def test_critical_of_every_class(evidence, rule):
    options = dict(rule=rule)
    found = critical_samples(evidence, 15, balanced=True, **options)
    every = critical_samples(evidence, 60, **options)
    assert np.bincount(found.label).tolist() == [5, 5, 5]
    for k in range(3):
        wanted = every.row[every.label == k][:5]
        assert found.row[found.label == k].tolist() == wanted.tolist()
