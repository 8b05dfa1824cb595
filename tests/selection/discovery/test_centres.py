# SPDX-License-Identifier: Apache-2.0
"""Class centres and distances to them, feature by feature."""

import numpy as np
import pytest

from rankseg.selection.discovery.centres import class_centres, nearest_centre


def test_centres_are_means():
    rng = np.random.default_rng(0)
    feature, label = rng.normal(size=(9, 4)).astype(np.float32), np.array([0, 2, 2, 0, 3] + [3] * 4)
    found = class_centres(feature, label, 5)
    for k in (0, 2, 3):
        mean = sum(f.astype(float) for f, y in zip(feature, label, strict=True) if y == k)
        np.testing.assert_allclose(found[k], mean / (label == k).sum())
    assert np.isnan(found[[1, 4]]).all()


def test_nearest_centre():
    rng = np.random.default_rng(1)
    feature, centres = rng.normal(size=(30, 3)), rng.normal(size=(4, 3))
    centres[1] = np.nan
    distance, label = nearest_centre(feature, centres)
    for point, how_far, kind in zip(feature, distance, label, strict=True):
        apart = {k: ((point - centres[k]) ** 2).sum() ** 0.5 for k in (0, 2, 3)}
        assert kind == min(apart, key=apart.get)
        assert how_far == pytest.approx(min(apart.values()))


def test_of_equal_ones_the_first():
    distance, label = nearest_centre(np.zeros((1, 1)), np.array([[np.nan], [1.0], [-1.0]]))
    assert (distance.tolist(), label.tolist()) == ([1.0], [1])


def test_no_centre():
    with pytest.raises(ValueError, match="no class has a centre"):
        nearest_centre(np.zeros((1, 1)), np.full((2, 1), np.nan))
