# SPDX-License-Identifier: Apache-2.0
"""Centres of clusters against scikit-learn, and at the ends of what is allowed."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from rankseg.selection.graph import cluster_centres, nearest_centres


def blobs(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, 4)) + 9 * np.eye(4)[rng.integers(0, 4, 60)]


def test_as_good_as_another_program():
    points = blobs()
    found, other = cluster_centres(points, 4), KMeans(4, n_init=10, random_state=0).fit(points)
    worth = ((points[:, None] - found) ** 2).sum(2).min(1).sum()
    assert worth == pytest.approx(other.inertia_, rel=1e-4)


def test_the_same_every_time():
    points = blobs(1)
    assert (cluster_centres(points, 7, seed=3) == cluster_centres(points, 7, seed=3)).all()


def test_as_many_clusters_as_images():
    points = blobs()[:3]
    found = cluster_centres(points, 3)
    assert sorted(found[:, 0].tolist()) == pytest.approx(sorted(points[:, 0].tolist()))
    np.testing.assert_allclose(cluster_centres(points, 1)[0], points.mean(0), rtol=1e-5)


@pytest.mark.parametrize("count", [0, 61])
def test_too_few_images(count):
    with pytest.raises(ValueError, match=f"{count} clusters of 60 images"):
        cluster_centres(blobs(), count)


def test_features_that_are_not_finite():
    points = blobs()
    points[3, 1] = np.nan
    with pytest.raises(ValueError, match="not finite: the network .* has diverged"):
        cluster_centres(points, 2)


def test_nearest_centre_of_every_feature():
    points, centres = blobs(), blobs(1)[:7]
    each = ((points[:, None] - centres) ** 2).sum(2).argmin(1)
    assert (nearest_centres(points, centres) == each).all()
