# SPDX-License-Identifier: Apache-2.0
"""Label propagation from a few labeled nodes over a graph."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import faiss
import numpy as np
from scipy.sparse import csr_array
from scipy.special import entr

CLASSES = 64  # most classes solved together: five arrays of nodes x classes are in memory
ROWS = 2**14  # nodes whose scores are normalized at a time


class Propagated(NamedTuple):
    r"""Pseudo-labels with their weights.

    Attributes:
        label: ``(N,)`` int64: given label of labeled nodes, best of ``scores`` for other nodes.
        weight: ``(N,)`` float64 in ``[0, 1]``, :math:`\omega`: certainty of the label, 1 for
            labeled nodes, 0 for nodes without any score, whose label is meaningless.
        class_weight: ``(K,)`` float64, :math:`\zeta`: inverse to the size of the class.
        scores: ``(N, K)`` float64, whose rows sum to 1, or are 0 if no label has reached the node.
    """

    label: np.ndarray
    weight: np.ndarray
    class_weight: np.ndarray
    scores: np.ndarray


def check_alpha(alpha: float) -> None:
    """Check that the system to solve is positive definite.

    Raises:
        ValueError: If ``alpha`` is outside ``[0, 1)``.
    """
    if not 0 <= alpha < 1:
        raise ValueError(f"Expected alpha of label propagation in [0, 1), but got {alpha}.")


def propagate(
    similarity: np.ndarray,
    index: np.ndarray,
    labels: np.ndarray,
    labeled_idx: np.ndarray,
    num_classes: int,
    alpha: float = 0.99,
    power: float = 3,
    max_iter: int = 20,
    tol: float = 1e-6,
) -> Propagated:
    r"""Propagate labels over a graph of neighbors, and compute the weights of the result.

    .. math:: (I - \alpha D^{-1/2} (A + A^T) D^{-1/2}) Z = Y

    with :math:`a_{ij} = [s_{ij}]_+^{power}`. The column of ``Y`` for a class with :math:`n` labeled
    nodes is :math:`1/n` at each of them. The solver stops early on purpose: a node that no label
    reaches in ``max_iter`` steps counts as far away.

    Args:
        similarity: ``(N, k)`` similarity of every node to its neighbors, see :func:`knn_graph`.
        index: ``(N, k)`` positions of the neighbors.
        labels: ``(L,)`` classes of the labeled nodes, in ``[0, num_classes)``.
        labeled_idx: ``(L,)`` positions of the labeled nodes.
        num_classes: ``K``; no node gets a class without labeled nodes.
        alpha: Share of a node's score that comes from its neighbors, in ``[0, 1)``.
        power: Exponent that sharpens similarities.
        max_iter: Maximum number of steps of the solver.
        tol: A class is solved when its residual is below this share of its right-hand side.

    Raises:
        ValueError: If the labels do not fit the graph or the classes, or ``alpha`` is outside
            ``[0, 1)``.

    Source: Iscen et al., Label Propagation for Deep Semi-supervised Learning (CVPR 2019), eq. 9 to
        11, and released code, which makes every weight NaN if a node cannot be reached.
    """
    check_alpha(alpha)
    labels, labeled_idx = checked_labels(labels, labeled_idx, num_classes, len(index))
    walk = transition(similarity, index, power)
    walk.data *= alpha
    scores, first = np.empty((len(index), num_classes)), 0
    for block in np.array_split(scores, -(-num_classes // CLASSES), axis=1):
        mine = (labels >= first) & (labels < first + block.shape[1])
        start = np.zeros(block.shape)
        start[labeled_idx[mine], labels[mine] - first] = 1
        start /= np.maximum(start.sum(0), 1)
        conjugate_gradient(walk, start, max_iter, tol).clip(min=0, out=block)
        first += block.shape[1]
    return weigh(scores, labels, labeled_idx, out=scores)


def transition(similarity: np.ndarray, index: np.ndarray, power: float) -> csr_array:
    r"""Compute the adjacency :math:`D^{-1/2} (A + A^T) D^{-1/2}`, in which zero rows stay zero."""
    graph = adjacency(similarity, index, power)
    degree = graph.sum(axis=1)
    scale = 1 / np.sqrt(np.where(degree > 0, degree, 1))
    graph.data *= np.repeat(scale, np.diff(graph.indptr))
    graph.data *= scale[graph.indices]
    return graph


def adjacency(similarity: np.ndarray, index: np.ndarray, power: float) -> csr_array:
    r"""Compute the symmetric affinities :math:`A + A^T`, :math:`a_{ij} = [s_{ij}]_+^{power}`."""
    count, k = index.shape
    affinity = np.maximum(similarity, 0).astype(np.float64).ravel() ** power
    kind = np.int32 if 2 * index.size < 2**31 else np.int64
    ends = np.arange(0, count * k + 1, k, dtype=kind)
    graph = csr_array((affinity, index.ravel().astype(kind), ends), shape=(count, count))
    return (graph + graph.T).tocsr()


def conjugate_gradient(walk: csr_array, start: np.ndarray, max_iter: int, tol: float) -> np.ndarray:
    r"""Solve :math:`(I - W) Z = Y` for all columns at once, from zero.

    Every column takes the steps of ``scipy.sparse.linalg.cg(rtol=tol, maxiter=max_iter)`` for this
    column alone, and stops where that would stop. Only the products with ``W`` are shared.

    Args:
        walk: ``(N, N)`` symmetric, with eigenvalues below 1.
        start: ``(N, K)`` right-hand sides ``Y``.
        max_iter: Maximum number of products with ``W``.
        tol: A column is done when its residual is below ``tol`` times the norm of its ``Y``.

    Returns:
        ``(N, K)``.
    """
    threads = faiss.omp_get_max_threads()
    cuts = np.searchsorted(walk.indptr, np.linspace(0, walk.nnz, threads + 1)[1:-1])
    shares = [walk[rows] for rows in map(slice, [0, *cuts], [*cuts, walk.shape[0]])]
    with ThreadPoolExecutor(threads) as pool:  # scipy releases the GIL in a product

        def multiply(vectors: np.ndarray) -> np.ndarray:
            return np.concatenate(list(pool.map(lambda share: share @ vectors, shares)))

        return _iterate(multiply, start, max_iter, tol)


def _iterate(
    multiply: Callable[[np.ndarray], np.ndarray], start: np.ndarray, max_iter: int, tol: float
) -> np.ndarray:
    """Run the steps of :func:`conjugate_gradient`, given a function that multiplies by ``W``."""
    solution = np.zeros_like(start)
    residual, direction = start.copy(), start.copy()
    error = _dots(residual, residual)
    enough = tol**2 * error
    for _ in range(max_iter):
        going = (error >= enough) & (error > 0)
        if not going.any():
            break
        image = multiply(direction)
        np.subtract(direction, image, out=image)
        step = np.divide(error, _dots(direction, image), out=np.zeros_like(error), where=going)
        solution += step * direction
        residual -= np.multiply(step, image, out=image)
        before, error = error, np.where(going, _dots(residual, residual), error)
        direction *= np.divide(error, before, out=np.zeros_like(error), where=going)
        direction += residual
    return solution


def weigh(
    scores: np.ndarray,
    labels: np.ndarray,
    labeled_idx: np.ndarray,
    out: np.ndarray | None = None,
) -> Propagated:
    r"""Compute labels from scores, with the weights of nodes and classes.

    .. math::
        \omega_i = \Bigl(1 - \frac{H(\hat z_i)}{\log K}\Bigr) / \max_j \omega_j, \qquad
        \zeta_c = \frac{N}{K \, |\{i : y_i = c\}|}

    ``N`` and the size of a class count the nodes that have a score or a given label.

    Args:
        scores: ``(N, K)`` non-negative scores: propagated, or the probabilities of a network.
        labels: ``(L,)`` classes of the labeled nodes.
        labeled_idx: ``(L,)`` positions of the labeled nodes.
        out: ``(N, K)`` float64 array for the normalized scores, such as ``scores`` itself; a new
            one if None.

    Source: As :func:`propagate`, eq. 11 and section 5.2.
    """
    labels, labeled_idx = checked_labels(labels, labeled_idx, scores.shape[1], len(scores))
    count, num_classes = scores.shape
    if out is None:
        out = np.empty(scores.shape, np.result_type(scores, np.float32))
    known, weight, label = np.empty(count, bool), np.empty(count), np.empty(count, np.int64)
    for start in range(0, count, ROWS):
        rows = slice(start, start + ROWS)
        total = scores[rows].sum(1)
        known[rows] = total > 0
        share = np.divide(scores[rows], np.where(known[rows], total, 1)[:, None], out=out[rows])
        weight[rows] = 1 - entr(share).sum(1) / np.log(max(num_classes, 2))
        label[rows] = share.argmax(1)
    weight = np.where(known, weight, 0).clip(min=0)
    weight /= weight.max() or 1
    label[labeled_idx], weight[labeled_idx], known[labeled_idx] = labels, 1, True
    sizes = np.bincount(label[known], minlength=num_classes)
    class_weight = known.sum() / num_classes / np.maximum(sizes, 1)
    return Propagated(label, weight, class_weight, out)


def checked_labels(
    labels: np.ndarray, labeled_idx: np.ndarray, num_classes: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Convert labels and positions to integer arrays, and check them against classes and graph."""
    labels, labeled_idx = np.asarray(labels), np.asarray(labeled_idx)
    if not labels.shape == labeled_idx.shape == (labels.size,) or not labels.size:
        raise ValueError(
            "Expected one label for each labeled node, and at least one, but got labels of shape "
            f"{labels.shape} and nodes of shape {labeled_idx.shape}."
        )
    for name, values, limit in (("label", labels, num_classes), ("node", labeled_idx, count)):
        wrong = values[(values < 0) | (values >= limit)]
        if wrong.size:
            raise ValueError(
                f"Expected the {name} of a labeled node to be 0 to {limit - 1}, but got {wrong[0]}."
            )
    return labels, labeled_idx


def _dots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Compute the inner product of every column with the same column."""
    return np.einsum("nk,nk->k", left, right)
