# SPDX-License-Identifier: Apache-2.0
"""Image retrieval by embeddings, and its metrics."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from rankseg.evaluation.features import check_finite
from rankseg.selection.graph import assign_clusters, cluster_centers

EDGE = 1e-6
"""Amount by which images of a wrong class count as more similar, above float32 rounding."""
CHUNK = 256  # most queries compared at a time
MEMORY = 2**28  # bytes that their similarities and their images of the right class may take


class Retrieved(NamedTuple):
    """Images retrieved for some queries, the nearest first.

    Attributes:
        index: ``(M, k)`` int64 positions in the gallery.
        similarity: ``(M, k)`` float32 cosine similarities in ``[-1, 1]``.
        right: ``(M, k)`` bool, true for images with the class of the query.
        relevant: ``(M,)`` int64 number of images in the gallery with the class of the query,
            without the query itself.
    """

    index: Tensor
    similarity: Tensor
    right: Tensor
    relevant: Tensor


class RetrievalScores(NamedTuple):
    """Retrieval metrics of every query, all 0 if the gallery has no image of its class.

    Attributes:
        hits: ``(M, len(topk))`` bool, true if one of the ``K`` nearest has the class of the query.
        r_precision: ``(M,)`` float64 in ``[0, 1]``: share of images with the class of the query
            among the ``R`` nearest, where ``R`` is the number of such images.
        average_precision: ``(M,)`` float64 in ``[0, 1]``: mean over the ``R`` nearest of the
            precision up to each image of the right class, and 0 for an image of a wrong class.
        relevant: ``(M,)`` int64, ``R``.
        nearest: ``(M,)`` float32 similarity of the nearest image.
    """

    hits: Tensor
    r_precision: Tensor
    average_precision: Tensor
    relevant: Tensor
    nearest: Tensor


def retrieve(
    query: Tensor,
    gallery: Tensor,
    query_label: Tensor,
    gallery_label: Tensor,
    k: int | None,
    own: Tensor | None = None,
    chunk: int | None = None,
) -> Iterator[Retrieved]:
    """Retrieve the nearest images of a gallery by cosine similarity, in chunks of queries.

    Among equally near images, those of a wrong class come first. So a network that maps all images
    to one point finds nothing, and no metric depends on the order of the images.

    Args:
        query: ``(M, D)`` embeddings of any length.
        gallery: ``(N, D)`` embeddings of any length.
        query_label: ``(M,)`` int64 classes.
        gallery_label: ``(N,)`` int64 classes.
        k: Number of images to retrieve, at most all; None for the size of the largest class.
        own: ``(M,)`` int64 position of every query in the gallery, which is left out, or -1 if the
            query is not in the gallery. None if no query is.
        chunk: Queries compared at a time, all of whose similarities are in memory. None takes 256,
            or fewer if the gallery is so large that they need more than 256 MiB.

    Yields:
        Images retrieved for the next queries, on the device of ``gallery``.

    Raises:
        ValueError: If the gallery has no image besides the query, or an embedding is not finite.
    """
    others = len(gallery) - (own is not None and bool((own >= 0).any()))
    if others < 1:
        raise ValueError(
            f"Expected a gallery with an image besides the query, but got {len(gallery)} images."
        )
    check_finite(queries=query, gallery=gallery)
    rows = F.normalize(gallery.detach().float(), dim=1)
    gallery_label, query_label = gallery_label.to(rows.device), query_label.to(rows.device)
    classes = _Classes(gallery_label)
    k = min(classes.largest if k is None else k, others)
    if chunk is None:
        each = 4 * len(rows) + 36 * classes.largest  # bytes of a query: similarities and positions
        chunk = max(1, min(CHUNK, MEMORY // each))
    # One matrix for all chunks: to free and to allocate large blocks between small ones that stay
    # would leave holes, of up to several GiB for 30,000 queries.
    space = rows.new_empty(min(chunk, len(query)), len(rows))
    for i in range(0, len(query), chunk):
        part = F.normalize(query[i : i + chunk].detach().to(rows).float(), dim=1)
        label = query_label[i : i + chunk]
        place = torch.mm(part, rows.T, out=space[: len(part)])
        right, relevant = classes.find(label)
        similarity = place[right]
        place[right] = similarity - EDGE
        if own is not None:
            itself = own[i : i + chunk].to(rows.device)
            inside = (itself >= 0).nonzero().flatten()
            place[inside, itself[inside]] = -torch.inf
            relevant[inside] -= (gallery_label[itself[inside]] == label[inside]).long()
        index = place.topk(k, dim=1).indices
        place[right] = similarity
        yield Retrieved(
            index, place.gather(1, index), gallery_label[index] == label[:, None], relevant
        )


class _Classes:
    """Positions of the images of each class in a gallery.

    Args:
        label: ``(N,)`` int64 classes.

    Attributes:
        largest: Number of images of the largest class.
    """

    def __init__(self, label: Tensor) -> None:
        self.label, self.order = label.sort(stable=True)
        self.largest = int(torch.unique_consecutive(self.label, return_counts=True)[1].max())

    def find(self, label: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Return rows and columns of all images of the right class, and their number per query."""
        first = torch.searchsorted(self.label, label)
        number = torch.searchsorted(self.label, label, right=True) - first
        row = torch.arange(len(label), device=label.device).repeat_interleave(number)
        column = torch.arange(len(row), device=label.device)
        column += (first + number - number.cumsum(0))[row]
        return (row, self.order[column]), number


def retrieval_scores(
    query: Tensor,
    gallery: Tensor,
    query_label: Tensor,
    gallery_label: Tensor,
    topk: Sequence[int] = (1,),
    own: Tensor | None = None,
    chunk: int | None = None,
) -> RetrievalScores:
    """Compute the retrieval metrics of every query; see :func:`retrieve` for the arguments.

    Args:
        query: ``(M, D)`` embeddings.
        gallery: ``(N, D)`` embeddings.
        query_label: ``(M,)`` int64 classes.
        gallery_label: ``(N,)`` int64 classes.
        topk: Values of ``K``.
        own: ``(M,)`` positions of the queries in the gallery, or None.
        chunk: Queries compared at a time; see :func:`retrieve`.

    Returns:
        The metrics, on the CPU.

    Source: Recall@K: Song et al. (CVPR 2016), one hit among ``K`` suffices. R-precision and MAP@R:
        Musgrave et al., A Metric Learning Reality Check (ECCV 2020).
    """
    largest = int(torch.bincount(gallery_label - gallery_label.min()).max())
    labels, count = (query_label, gallery_label), len(query)
    scores = RetrievalScores(
        torch.empty(count, len(topk), dtype=torch.bool),
        torch.empty(count, dtype=torch.float64),
        torch.empty(count, dtype=torch.float64),
        torch.empty(count, dtype=torch.int64),
        torch.empty(count),
    )
    done = 0
    for found in retrieve(query, gallery, *labels, max(largest, *topk), own, chunk):
        right, relevant = found.right.double(), found.relevant[:, None]
        first = torch.arange(1, right.shape[1] + 1, device=right.device)
        counted = right * (first <= relevant)  # only the R nearest
        each = counted.sum(1), (counted * counted.cumsum(1) / first).sum(1)
        hits = torch.stack([found.right[:, :number].any(1) for number in topk], 1)
        shares = [value / found.relevant.clamp(min=1) for value in each]
        rest = found.relevant, found.similarity[:, 0]
        rows = slice(done, done + len(right))
        for column, value in zip(scores, (hits, *shares, *rest), strict=True):
            column[rows] = value
        done += len(right)
    return scores


def percentages(judged: RetrievalScores, topk: Sequence[int]) -> dict[str, float]:
    """Average ``recallK``, ``r_precision`` and ``map_r`` over queries with something to find.

    Args:
        judged: Result of :func:`retrieval_scores`.
        topk: Values of ``K`` passed to it.

    Raises:
        ValueError: If no query has an image of its class in the gallery.
    """
    asked = judged.relevant > 0
    if not asked.any():
        raise ValueError(
            "Expected a query with an image of its class in the gallery, but got none."
        )
    means = {f"recall{k}": judged.hits[asked, i].double().mean() for i, k in enumerate(topk)}
    means["r_precision"] = judged.r_precision[asked].mean()
    means["map_r"] = judged.average_precision[asked].mean()
    return {name: round(100 * float(share), 2) for name, share in means.items()}


def cluster_agreement(embedding: Tensor, label: Tensor, seed: int = 0) -> float:
    """Compute the normalized mutual information of classes and k-means clusters, in ``[0, 1]``.

    There are as many clusters as classes. The best of three runs of k-means counts, since a single
    run often merges classes that are far apart.

    Args:
        embedding: ``(N, D)``, scaled to length 1 here.
        label: ``(N,)`` int64 classes.
        seed: Seed of the first centers.

    Source: Song et al. (CVPR 2016): ``2 I(C; L) / (H(C) + H(L))``.
    """
    from sklearn.metrics import normalized_mutual_info_score  # scikit-learn is slow to import

    rows = F.normalize(embedding.float(), dim=1).cpu().numpy()
    centers = cluster_centers(rows, len(label.unique()), seed)
    clusters = assign_clusters(rows, centers)
    return float(normalized_mutual_info_score(label.cpu().numpy(), clusters))
