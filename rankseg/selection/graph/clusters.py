# SPDX-License-Identifier: Apache-2.0
"""Cluster centers by k-means."""

import faiss
import numpy as np


def cluster_centres(
    features: np.ndarray, count: int, seed: int = 0, rounds: int = 20, tries: int = 3
) -> np.ndarray:
    """Compute the centers of the best of several runs of k-means, by Euclidean distance.

    >>> centres = cluster_centres(np.array([[0.0], [1.0], [9.0], [10.0]]), 2)
    >>> sorted(centres.ravel().tolist())
    [0.5, 9.5]

    Args:
        features: ``(N, D)`` features, all of which are used.
        count: Number of clusters.
        seed: Seed of the first centers.
        rounds: Iterations of every run.
        tries: Number of runs.

    Returns:
        ``(count, D)`` float32.

    Raises:
        ValueError: If there are fewer features than clusters, or one is not finite.
    """
    if not 1 <= count <= len(features):
        raise ValueError(
            f"{count} clusters of {len(features)} images: expected a number from 1 to that of the "
            "images"
        )
    rows = np.ascontiguousarray(features, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise ValueError(
            "features to be clustered are not finite: the network that made them has diverged; "
            "try a lower learning rate"
        )
    runs = faiss.Kmeans(
        rows.shape[1],
        count,
        niter=rounds,
        nredo=tries,
        seed=seed,
        min_points_per_centroid=1,  # faiss would warn about few features
        max_points_per_centroid=len(rows),
    )
    runs.train(rows)
    return runs.centroids


def nearest_centres(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Find the index of the nearest center of each feature by Euclidean distance.

    >>> nearest_centres(np.array([[0.0], [1.0], [9.0]]), np.array([[10.0], [0.5]])).tolist()
    [1, 1, 0]

    Args:
        features: ``(N, D)``.
        centres: ``(K, D)``.

    Returns:
        ``(N,)`` int64.
    """
    rows, centres = (np.ascontiguousarray(x, dtype=np.float32) for x in (features, centres))
    return faiss.knn(rows, centres, 1)[1][:, 0]
