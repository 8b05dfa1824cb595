# SPDX-License-Identifier: Apache-2.0
"""Class centers, distances of features to them, and round-robin order of classes."""

import numpy as np
from scipy.spatial.distance import cdist

ROWS = 2**14  # features compared with all centers at a time, to limit memory


def class_centers(feature: np.ndarray, label: np.ndarray, num_classes: int) -> np.ndarray:
    """Compute the mean feature of every class, ``(K, D)`` float64; NaN if a class has no image.

    Args:
        feature: ``(L, D)``.
        label: ``(L,)`` int classes in ``[0, K)``.
        num_classes: ``K``.

    Source: Snowball (dissertation, chapter 2), eq. 2.8; LMCS (chapter 3), eq. 3.8.
    """
    one_hot = np.eye(num_classes)[label]
    count = one_hot.sum(0)[:, None]
    return np.divide(
        one_hot.T @ feature.astype(np.float64),
        count,
        out=np.full((num_classes, feature.shape[1]), np.nan),
        where=count > 0,
    )


def center_distances(feature: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Compute Euclidean distances ``(U, K)`` to class centers, infinite if a class has none.

    Args:
        feature: ``(U, D)``.
        centers: ``(K, D)``, NaN if a class has no image.

    Raises:
        ValueError: If no class has a center.
    """
    if np.isnan(centers).any(1).all():
        raise ValueError(
            "Expected a center for at least one class, but no class has a labeled feature."
        )
    distance = cdist(feature, centers)
    return np.where(np.isnan(distance), np.inf, distance)


def nearest_center(feature: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the distance to the nearest class center and its class, ``(U,)`` each; first if tied.

    Args:
        feature: ``(U, D)``.
        centers: ``(K, D)``, NaN if a class has no image.

    Raises:
        ValueError: If no class has a center.
    """
    least, index = np.empty(len(feature)), np.empty(len(feature), np.int64)
    for start in range(0, max(len(feature), 1), ROWS):
        rows = slice(start, start + ROWS)
        distance = center_distances(feature[rows], centers)
        least[rows], index[rows] = distance.min(1), distance.argmin(1)
    return least, index


def round_robin(order: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Order images round-robin by class: the first image of every class, then the second, ...

    Images of the same turn keep their order, as do the remaining images of larger classes.

    >>> round_robin(np.array([3, 2, 1, 0]), np.array([0, 1, 1, 1])).tolist()
    [3, 0, 2, 1]

    Args:
        order: ``(N,)`` int images, the best first.
        label: Classes; ``label[i]`` is that of image ``i``.
    """
    classes = label[order]
    grouped = np.argsort(classes, kind="stable")
    sizes = np.bincount(classes)
    turn = np.empty(len(order), np.int64)
    turn[grouped] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[np.argsort(turn, kind="stable")]
