# SPDX-License-Identifier: Apache-2.0
"""Which images an embedding finds for an image, and how many of them are of its class."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from rankseg.evaluation.knn import check_finite
from rankseg.selection.graph import cluster_centres, nearest_centres

EDGE = 1e-6
"""By so much more similar an image of a wrong class counts as: more than float32 rounds by."""
CHUNK = 256  # queries compared at a time


class Retrieved(NamedTuple):
    """What is found for some queries, the nearest first.

    Attributes:
        index: ``(M, k)`` int64 positions in the gallery.
        similarity: ``(M, k)`` float32 cosine similarities in ``[-1, 1]``.
        right: ``(M, k)`` bool, whether they are of the class of the query.
        relevant: ``(M,)`` int64, how many of the whole gallery are, without the query itself.
    """

    index: Tensor
    similarity: Tensor
    right: Tensor
    relevant: Tensor


class Judged(NamedTuple):
    """What was found for every query, in numbers; all 0 where the gallery has nothing to find.

    Attributes:
        hits: ``(M, len(topk))`` bool, whether one of the ``K`` nearest is of the right class.
        r_precision: ``(M,)`` float64 in ``[0, 1]``: of the ``R`` nearest, where ``R`` images are of
            the right class, the share that is.
        average_precision: ``(M,)`` float64 in ``[0, 1]``: mean over the ``R`` nearest of the share
            of right ones so far, where they are right, and 0 where they are wrong.
        relevant: ``(M,)`` int64, ``R``.
        nearest: ``(M,)`` float32 similarity of the image that is found first.
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
    chunk: int = CHUNK,
) -> Iterator[Retrieved]:
    """Find the nearest images of a gallery by cosine similarity, some queries at a time.

    Of images that are equally near those of a wrong class come first, so a network that maps all
    images to one point finds nothing, and no number depends on the order of the images.

    Args:
        query: ``(M, D)`` embeddings of any length.
        gallery: ``(N, D)``.
        query_label: ``(M,)`` int64 classes.
        gallery_label: ``(N,)`` int64 classes.
        k: How many are found, at most all; ``None``: as many as the largest class asks for.
        own: ``(M,)`` int64 position of every query in the gallery, which is left out, -1 for one
            that is no part of it; ``None`` where none is.
        chunk: Queries compared at a time: some ``chunk x N`` numbers are in memory.

    Yields:
        What is found for the next queries, on the device of ``gallery``.

    Raises:
        ValueError: If the gallery has no image but the query, or an embedding is not finite.
    """
    others = len(gallery) - (own is not None and bool((own >= 0).any()))
    if others < 1:
        raise ValueError(f"a gallery of {len(gallery)} images: expected one besides the query")
    check_finite(queries=query, gallery=gallery)
    gallery_label = gallery_label.to(gallery.device)
    query_label, rows = query_label.to(gallery.device), F.normalize(gallery.float(), dim=1)
    if k is None:
        k = int(torch.unique(gallery_label, return_counts=True)[1].max())
    for i in range(0, len(query), chunk):
        part = F.normalize(query[i : i + chunk].to(rows).float(), dim=1)
        similarity = part @ rows.T
        right = query_label[i : i + chunk, None] == gallery_label
        place = similarity + EDGE * ~right
        if own is not None:
            itself = own[i : i + chunk].to(rows.device)
            inside = (itself >= 0).nonzero().flatten()
            place[inside, itself[inside]] = -torch.inf
            right[inside, itself[inside]] = False
        index = place.topk(min(k, others), dim=1).indices
        yield Retrieved(index, similarity.gather(1, index), right.gather(1, index), right.sum(1))


def judge_retrieval(
    query: Tensor,
    gallery: Tensor,
    query_label: Tensor,
    gallery_label: Tensor,
    topk: Sequence[int] = (1,),
    own: Tensor | None = None,
    chunk: int = CHUNK,
) -> Judged:
    """Judge every query; arguments as in :func:`retrieve`.

    Args:
        query: ``(M, D)``.
        gallery: ``(N, D)``.
        query_label: ``(M,)``.
        gallery_label: ``(N,)``.
        topk: Values of ``K``.
        own: ``(M,)`` or ``None``.
        chunk: Queries compared at a time.

    Returns:
        On the CPU.

    Source: Recall@K: Song et al. (CVPR 2016), one of ``K`` suffices. R-precision and MAP@R:
        Musgrave et al., A Metric Learning Reality Check (ECCV 2020).
    """
    largest = int(torch.bincount(gallery_label - gallery_label.min()).max())
    labels = query_label, gallery_label
    parts = []
    for found in retrieve(query, gallery, *labels, max(largest, *topk), own, chunk):
        right, relevant = found.right.double(), found.relevant[:, None]
        first = torch.arange(1, right.shape[1] + 1, device=right.device)
        counted = right * (first <= relevant)  # of the R nearest
        each = counted.sum(1), (counted * counted.cumsum(1) / first).sum(1)
        hits = torch.stack([found.right[:, :number].any(1) for number in topk], 1)
        shares = [value / found.relevant.clamp(min=1) for value in each]
        rest = found.relevant, found.similarity[:, 0]
        parts.append([value.cpu() for value in (hits, *shares, *rest)])
    return Judged(*(torch.cat(column) for column in zip(*parts, strict=True)))


def percentages(judged: Judged, topk: Sequence[int]) -> dict[str, float]:
    """Means over the queries that have something to find: ``recallK``, ``r_precision``, ``map_r``.

    Args:
        judged: From :func:`judge_retrieval`.
        topk: Values of ``K`` that it was given.

    Raises:
        ValueError: If no query has.
    """
    asked = judged.relevant > 0
    if not asked.any():
        raise ValueError("no query has an image of its class in the gallery: nothing to find")
    means = {f"recall{k}": judged.hits[asked, i].double().mean() for i, k in enumerate(topk)}
    means["r_precision"] = judged.r_precision[asked].mean()
    means["map_r"] = judged.average_precision[asked].mean()
    return {name: round(100 * float(share), 2) for name, share in means.items()}


def cluster_agreement(embedding: Tensor, label: Tensor, seed: int = 0) -> float:
    """Normalised mutual information of classes and as many clusters by k-means, in ``[0, 1]``.

    The best of three runs of k-means counts: one alone often stops with classes that lie apart in
    one cluster.

    Args:
        embedding: ``(N, D)``, scaled to length 1 here.
        label: ``(N,)`` int64 classes.
        seed: Of the first centres.

    Source: Song et al. (CVPR 2016): ``2 I(C; L) / (H(C) + H(L))``.
    """
    from sklearn.metrics import normalized_mutual_info_score  # scikit-learn is slow to import

    rows = F.normalize(embedding.float(), dim=1).cpu().numpy()
    centres = cluster_centres(rows, len(label.unique()), seed)
    clusters = nearest_centres(rows, centres)
    return float(normalized_mutual_info_score(label.cpu().numpy(), clusters))
