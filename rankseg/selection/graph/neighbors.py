# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbors of every feature, and clusters by k-means."""

from collections.abc import Callable, Iterator
from functools import partial

import faiss
import numpy as np

ROWS = 2**14  # features searched at a time, to limit memory; a multiple of the blocks of faiss

Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


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
    similarity, index = np.empty((count, k), np.float32), np.empty((count, k), np.int64)
    try:
        search = partial(_search_all, unit) if probes is None else _search_cells(unit, probes)
        for rows in _blocks(count):
            similarity[rows], index[rows] = _others(*search(unit[rows], k + 1), rows.start)
    finally:
        faiss.omp_set_num_threads(before)
    return similarity, index


def _blocks(count: int) -> Iterator[slice]:
    """Yield slices of :data:`ROWS` rows; the last takes the rest, and is never shorter."""
    number = max(1, count // ROWS)
    for i in range(number):
        yield slice(i * ROWS, count if i == number - 1 else (i + 1) * ROWS)


def _search_all(unit: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the ``k`` most similar of all features, without a copy of them."""
    return faiss.knn(queries, unit, k, metric=faiss.METRIC_INNER_PRODUCT)


def _search_cells(unit: np.ndarray, probes: int) -> Search:
    """Sort the features into cells, and return a function that searches the nearest of them."""
    cells = max(1, round(len(unit) ** 0.5))
    finder = faiss.index_factory(unit.shape[1], f"IVF{cells},Flat", faiss.METRIC_INNER_PRODUCT)
    finder.cp.min_points_per_centroid = 1  # faiss would warn about few features
    finder.train(unit)
    finder.nprobe = min(probes, cells)
    finder.add(unit)
    return finder.search


def _others(similarity: np.ndarray, index: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Remove each feature from its own neighbors, and replace missing ones (-1) by itself."""
    count, k = len(index), index.shape[1] - 1
    own = np.arange(start, start + count)[:, None]
    others = index != own
    others[others.all(1), -1] = False  # k or more copies of a feature have displaced it
    similarity, index = similarity[others].reshape(count, k), index[others].reshape(count, k)
    found = index >= 0
    return np.where(found, similarity, np.float32(0)), np.where(found, index, own)


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
