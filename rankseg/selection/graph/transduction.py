# SPDX-License-Identifier: Apache-2.0
"""Graph transduction game: labels as the equilibrium of a game between neighbors."""

import numpy as np

from rankseg.selection.graph.propagation import Propagated, adjacency, checked_labels, weigh


def transduce(
    similarity: np.ndarray,
    index: np.ndarray,
    labels: np.ndarray,
    labeled_idx: np.ndarray,
    num_classes: int,
    power: float = 3,
    max_iter: int = 20,
    tol: float = 1e-6,
) -> Propagated:
    r"""Let every node choose a class that agrees with its neighbors, and weigh the result.

    .. math:: x_{ih} \leftarrow x_{ih} \, (W X)_{ih} \, / \, \sum_l x_{il} \, (W X)_{il}

    with :math:`W = A + A^T` and :math:`a_{ij} = [s_{ij}]_+^{power}`, as in :func:`propagate`.
    Labeled nodes always play their class. Other nodes start with equal shares of the classes that
    have labeled nodes.

    Args:
        similarity: ``(N, k)`` similarity of every node to its neighbors, see :func:`knn_graph`.
        index: ``(N, k)`` positions of the neighbors.
        labels: ``(L,)`` classes of the labeled nodes, in ``[0, num_classes)``.
        labeled_idx: ``(L,)`` positions of the labeled nodes.
        num_classes: ``K``; no node gets a class without labeled nodes.
        power: Exponent that sharpens similarities.
        max_iter: Maximum number of rounds of the game.
        tol: The game ends when no share changes by more than this.

    Returns:
        As :func:`propagate`. Nodes that no label reaches have weight 0.

    Raises:
        ValueError: If the labels do not fit the graph or the classes.

    Source: Erdem and Pelillo, Graph Transduction as a Noncooperative Game (Neural Computation
        2012), replicator dynamics; the GTG of label propagation (CVPR 2019), Table 1.
    """
    labels, labeled_idx = checked_labels(labels, labeled_idx, num_classes, len(index))
    graph = adjacency(similarity, index, power)
    known = np.bincount(labels, minlength=num_classes) > 0
    shares = np.tile(known / known.sum(), (len(index), 1))
    shares[labeled_idx] = np.eye(num_classes)[labels]  # shares of 0 and 1 stay as they are
    reached = np.zeros(len(index), bool)
    reached[labeled_idx] = True
    for _ in range(max_iter):
        reached |= graph @ reached.astype(float) > 0
        product = shares * (graph @ shares)
        total = product.sum(1, keepdims=True)
        moved = np.divide(product, total, out=shares.copy(), where=total > 0)
        change = np.abs(moved - shares).max()
        shares = moved
        if change <= tol:
            break
    return weigh(shares * reached[:, None], labels, labeled_idx)
