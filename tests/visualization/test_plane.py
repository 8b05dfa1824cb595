# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.visualization import to_plane


def test_pca_is_the_plane_of_the_largest_spread():
    """Against the singular value decomposition of the definition; signs are free."""
    rng = np.random.default_rng(0)
    feature = rng.normal(size=(40, 6)) * [1, 5, 0.1, 2, 0.3, 9] + 100
    points = to_plane(feature.astype(np.float32))
    centred = feature.astype(np.float32).astype(float) - feature.astype(np.float32).mean(0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    wanted = left[:, :2] * size[:2]
    np.testing.assert_allclose(np.abs(points), np.abs(wanted), rtol=1e-4, atol=1e-4)
    assert points.shape == (40, 2) and points.dtype == np.float64


def test_tsne_keeps_groups_together_and_repeats():
    rng = np.random.default_rng(0)
    group = np.arange(45) % 3
    feature = 20 * np.eye(3, 60)[group] + rng.normal(size=(45, 60))
    points = to_plane(feature, "tsne", seed=4)
    distance = np.linalg.norm(points[:, None] - points, axis=2) + 1e9 * np.eye(45)
    assert (group[distance.argmin(1)] == group).all()
    assert np.array_equal(points, to_plane(feature, "tsne", seed=4))


@pytest.mark.parametrize("how", ["pca", "tsne"])
@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (3, 1), (4, 1), (6, 1)])
def test_few_samples_and_few_directions(how, shape):
    points = to_plane(np.random.default_rng(0).normal(size=shape), how)
    assert points.shape == (shape[0], 2) and np.isfinite(points).all()


def test_samples_that_are_all_alike():
    assert not to_plane(np.full((5, 3), 7.0), "tsne").any()


@pytest.mark.parametrize(
    ("feature", "how", "message"),
    [
        (np.ones((3, 2)), "umap", "how of to_plane to be one of pca, tsne, but got 'umap'"),
        (np.ones(3), "pca", r"shape \(N, D\).* but got the shape \(3,\)"),
        (np.ones((0, 3)), "pca", r"shape \(0, 3\)"),
        (np.array([[1.0, np.nan]]), "pca", "finite numbers .* and 1 other numbers"),
    ],
)
def test_what_cannot_be_mapped(feature, how, message):
    with pytest.raises(ValueError, match=message):
        to_plane(feature, how)
