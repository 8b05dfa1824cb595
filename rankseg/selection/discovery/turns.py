# SPDX-License-Identifier: Apache-2.0
"""Round-robin order of classes, so that discoveries do not accumulate in one class."""

import numpy as np


def in_turns(order: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Order images round-robin by class: the first image of every class, then the second, ...

    Images of the same turn keep their order, as do the remaining images of larger classes.

    >>> in_turns(np.array([3, 2, 1, 0]), np.array([0, 1, 1, 1])).tolist()
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
