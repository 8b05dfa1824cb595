# SPDX-License-Identifier: Apache-2.0
"""The k nearest neighbours of every feature."""

import faiss
import numpy as np


def check_neighbours(k: int, count: int) -> None:
    """Check that each of ``count`` features has ``k`` others.

    Raises:
        ValueError: If not.
    """
    if not 1 <= k < count:
        raise ValueError(
            f"k={k} neighbours in a graph of {count} images: expected a k from 1 to {count - 1}, "
            "the number of other images"
        )


def knn_graph(
    features: np.ndarray, k: int, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the ``k`` features with the largest cosine similarity to each, itself left out.

    The search is exact: every feature is compared with every other one.

    >>> similarity, index = knn_graph(np.array([[1, 0], [3, 4], [0, 2]]), k=1)
    >>> index.ravel().tolist(), similarity.ravel().astype(float).round(2).tolist()
    ([1, 2, 1], [0.6, 0.8, 0.8])

    Args:
        features: ``(N, D)``; they are L2-normalised here, in a copy. Zeros are similar to nothing.
        k: Neighbours of each.
        threads: Threads of the search. ``None`` leaves it to faiss: ``OMP_NUM_THREADS``, or all
            cores where that is not set.

    Returns:
        ``(N, k)`` float32 similarities in ``[-1, 1]``, the largest first, and ``(N, k)`` int64
        positions of the neighbours.

    Raises:
        ValueError: If there are not ``k`` others, or a feature is not finite.
    """
    count = len(features)
    check_neighbours(k, count)
    unit = np.array(features, dtype=np.float32, order="C")
    broken = np.flatnonzero(~np.isfinite(unit).all(1))
    if len(broken):
        raise ValueError(
            f"features of {len(broken)} of {count} images are not finite (the first: "
            f"{broken[0]}): the network that made them has diverged; try a lower learning rate"
        )
    faiss.normalize_L2(unit)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads or before)
    try:
        finder = faiss.IndexFlatIP(unit.shape[1])
        finder.add(unit)
        similarity, index = finder.search(unit, k + 1)
    finally:
        faiss.omp_set_num_threads(before)
    others = index != np.arange(count)[:, None]
    others[others.all(1), -1] = False  # k or more copies of a feature have pushed it out
    return similarity[others].reshape(count, k), index[others].reshape(count, k)
