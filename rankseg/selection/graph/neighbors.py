# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbors of every feature, and clusters by k-means."""

import faiss
import numpy as np


def check_neighbors(k: int, count: int) -> None:
    """Check that each of ``count`` features has ``k`` others.

    Raises:
        ValueError: If ``k`` is not from 1 to ``count - 1``.
    """
    if not 1 <= k < count:
        raise ValueError(
            f"Expected k to be 1 to {count - 1} neighbors, as the graph has {count} images, but "
            f"got {k}."
        )


def knn_graph(
    features: np.ndarray, k: int, threads: int | None = None, probes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the ``k`` other features with the largest cosine similarity to each feature.

    The search is exact unless ``probes`` is given: it compares every pair of features.

    >>> similarity, index = knn_graph(np.array([[1, 0], [3, 4], [0, 2]]), k=1)
    >>> index.ravel().tolist(), similarity.ravel().astype(float).round(2).tolist()
    ([1, 2, 1], [0.6, 0.8, 0.8])

    Args:
        features: ``(N, D)`` features, L2-normalized here in a copy. Zeros have similarity 0 to all.
        k: Number of neighbors of each feature.
        threads: Number of threads. None leaves it to faiss: ``OMP_NUM_THREADS`` if set, else all
            cores.
        probes: Number of cells to search. K-means sorts the features into about ``sqrt(N)`` cells,
            and only those nearest to a feature are searched. This is faster for large ``N`` but
            misses some neighbors: ``tools/benchmarks/graph.py --probes`` measures how many. A
            feature with fewer than ``k`` neighbors is padded with itself, with similarity 0.

    Returns:
        ``(N, k)`` float32 similarities in ``[-1, 1]``, the largest first, and ``(N, k)`` int64
        positions of the neighbors.

    Raises:
        ValueError: If there are not ``k`` other features, a feature is not finite, or ``probes`` is
            below 1.
    """
    count = len(features)
    check_neighbors(k, count)
    if probes is not None and probes < 1:
        raise ValueError(
            f"Expected probes to be 1 or more, or None for an exact search, but got {probes}."
        )
    unit = np.array(features, dtype=np.float32, order="C")
    broken = np.flatnonzero(~np.isfinite(unit).all(1))
    if len(broken):
        raise ValueError(
            f"Expected finite features, but those of {len(broken)} of {count} images are not "
            f"finite (the first: {broken[0]}). The network has diverged. Try a lower learning rate."
        )
    faiss.normalize_L2(unit)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads or before)
    try:
        finder = _finder(unit, probes)
        finder.add(unit)
        similarity, index = finder.search(unit, k + 1)
    finally:
        faiss.omp_set_num_threads(before)
    own = np.arange(count)[:, None]
    others = index != own
    others[others.all(1), -1] = False  # k or more copies of a feature have displaced it
    similarity, index = similarity[others].reshape(count, k), index[others].reshape(count, k)
    found = index >= 0
    return np.where(found, similarity, np.float32(0)), np.where(found, index, own)


def _finder(unit: np.ndarray, probes: int | None) -> faiss.Index:
    """Build an inner-product index of all features, or one that searches the nearest cells."""
    if probes is None:
        return faiss.IndexFlatIP(unit.shape[1])
    cells = max(1, round(len(unit) ** 0.5))
    finder = faiss.index_factory(unit.shape[1], f"IVF{cells},Flat", faiss.METRIC_INNER_PRODUCT)
    finder.cp.min_points_per_centroid = 1  # faiss would warn about few features
    finder.train(unit)
    finder.nprobe = min(probes, cells)
    return finder


def cluster_centers(
    features: np.ndarray, count: int, seed: int = 0, rounds: int = 20, tries: int = 3
) -> np.ndarray:
    """Compute the centers of the best of several runs of k-means, by Euclidean distance.

    >>> centers = cluster_centers(np.array([[0.0], [1.0], [9.0], [10.0]]), 2)
    >>> sorted(centers.ravel().tolist())
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
            f"Expected 1 to {len(features)} clusters, the number of images, but got {count}."
        )
    rows = np.ascontiguousarray(features, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise ValueError(
            "Expected finite features to cluster, but some are not finite. The network has "
            "diverged. Try a lower learning rate."
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


def assign_clusters(features: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Find the index of the nearest center of each feature by Euclidean distance.

    >>> assign_clusters(np.array([[0.0], [1.0], [9.0]]), np.array([[10.0], [0.5]])).tolist()
    [1, 1, 0]

    Args:
        features: ``(N, D)``.
        centers: ``(K, D)``.

    Returns:
        ``(N,)`` int64.
    """
    rows, centers = (np.ascontiguousarray(x, dtype=np.float32) for x in (features, centers))
    return faiss.knn(rows, centers, 1)[1][:, 0]
