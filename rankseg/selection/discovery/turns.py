# SPDX-License-Identifier: Apache-2.0
"""Classes by turns, so that what is discovered does not pile up in one."""

import numpy as np


def in_turns(order: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Bring images into an order in which the first of every class come first, then the second.

    Images of the same turn, and classes that have more than others, stay in their order.

    >>> in_turns(np.array([3, 2, 1, 0]), np.array([0, 1, 1, 1])).tolist()
    [3, 0, 2, 1]

    Args:
        order: ``(N,)`` int images, the best first.
        label: Classes, ``label[i]`` that of image ``i``.
    """
    classes = label[order]
    grouped = np.argsort(classes, kind="stable")
    sizes = np.bincount(classes)
    turn = np.empty(len(order), np.int64)
    turn[grouped] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[np.argsort(turn, kind="stable")]
