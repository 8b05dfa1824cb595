# SPDX-License-Identifier: Apache-2.0
"""Selection of confident images near a class center, and the baseline for comparison."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import rankdata

from rankseg.registry import SELECTIONS
from rankseg.selection.discovery.centers import ROWS, center_distances, class_centers, round_robin
from rankseg.selection.discovery.evidence import Evidence, Selection

KEEP = ("min", "random", "max", "far")
FUSE = ("average", "cascade", "rank")


@SELECTIONS.register_module(name=["nearest_centers", "nearest_centres"])  # the old spelling
def nearest_centers(
    evidence: Evidence,
    count: int,
    rng: np.random.Generator,
    keep: str = "min",
    fuse: str | None = None,
    confident: float = 10,
    share: float = 0.5,
    normalize: bool = False,
    balanced: bool = False,
) -> Selection:
    """Label every candidate with the class of its nearest center, and select some candidates.

    The centers are those of labeled and discovered images. Equal distances keep the order of the
    candidates.

    Args:
        evidence: Features and labels.
        count: Number of images to select.
        rng: Random generator for ``keep="random"``.
        keep: Candidates to select: ``"min"`` for the nearest to their center, ``"max"`` for the
            farthest, ``"random"`` for any, ``"far"`` for the farthest of the confident ones.
        fuse: Fusion with the features of earlier discoveries, if there are any: ``"average"``
            averages the distances, ``"cascade"`` concatenates the features, ``"rank"`` orders
            candidates by their mean rank, with the class of the mean distance. None ignores them.
        confident: The ``confident * count`` nearest candidates are confident.
        share: Largest share of the candidates that is confident, but never fewer than are selected.
            Not published. When ``count`` doubles, ten times as many soon exceed the candidates, and
            the rule would select the farthest of all.
        normalize: Scale features to unit length first, which the paper does not mention. If the
            network is seldom correct, images with weak features are near every center.
        balanced: Select classes in turn. The paper selects the best overall: if the network is
            seldom correct, one class may get half of the images and another none.

    Raises:
        ValueError: If an option is not valid.

    Source: Snowball (dissertation, chapter 2), section 2.3.3; Tables 2.9 (``keep``) and 2.10
        (``fuse``); section 2.4.1 (4) for ``"far"``, which is used with MixMatch.
    """
    for name, value, known in (("keep", keep, KEEP), ("fuse", fuse, (None, *FUSE))):
        if value not in known:
            raise ValueError(
                f"Expected {name} of nearest_centers to be one of {known}, but got {value!r}."
            )
    if not confident >= 1 or not 0 <= share <= 1:
        raise ValueError(
            "Expected confident of nearest_centers to be 1 or more and share to be 0 to 1, but got "
            f"confident={confident} and share={share}."
        )
    score, label = nearest(evidence, fuse, normalize)
    order = np.argsort(score, kind="stable")
    if keep == "random":
        order = rng.permutation(len(score))
    elif keep == "max":
        order = np.argsort(-score, kind="stable")
    if balanced:
        order = round_robin(order, label)
    if keep == "far":
        size = max(count, min(round(confident * count), round(share * len(score))))
        near = np.sort(order[:size])
        order = near[np.argsort(-score[near], kind="stable")]
        order = round_robin(order, label) if balanced else order
    row = order[:count]
    return Selection(row, label[row])


def nearest(
    evidence: Evidence, fuse: str | None = None, normalize: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the score of each candidate, such as its distance, and its class: ``(U,)`` each.

    Args:
        evidence: Features and labels.
        fuse: Fusion as in :func:`nearest_centers`.
        normalize: Scaling as in :func:`nearest_centers`.
    """
    pairs = [(evidence.labeled, evidence.candidates)]
    if fuse is not None:
        pairs = [*evidence.past, *pairs]
    if normalize:
        pairs = [tuple(map(_unit, pair)) for pair in pairs]
    if fuse == "cascade":
        pairs = [tuple(np.concatenate(parts, axis=1) for parts in zip(*pairs, strict=True))]
    centers = [class_centers(labeled, evidence.label, evidence.num_classes) for labeled, _ in pairs]
    count = len(evidence.candidates)
    score, index = np.empty(count), np.empty(count, np.int64)
    each = np.empty((len(pairs), count))
    for start in range(0, max(count, 1), ROWS):
        rows = slice(start, start + ROWS)
        distances = np.stack(
            [
                center_distances(feature[rows], own)
                for (_, feature), own in zip(pairs, centers, strict=True)
            ]
        )
        mean = distances.mean(0)
        score[rows], index[rows], each[:, rows] = mean.min(1), mean.argmin(1), distances.min(2)
    if fuse == "rank":
        score = rankdata(each, axis=1).mean(0)
    return score, index


@SELECTIONS.register_module()
def most_confident(evidence: Evidence, count: int, rng: np.random.Generator) -> Selection:
    """Select the candidates with the most confident predictions, as self-training does.

    Args:
        evidence: Evidence, of which only the logits are used.
        count: Number of images to select.
        rng: Not used.

    Source: Snowball (dissertation, chapter 2), figures 2.6 and 2.7: the baseline for comparison.
    """
    odds = evidence.logits.astype(np.float64) - evidence.logits.max(1, keepdims=True)
    np.put_along_axis(odds, evidence.logits.argmax(1)[:, None], -np.inf, 1)
    # log odds of the other classes against the best one, whose probability would round to 1
    score = logsumexp(odds, axis=1)
    row = np.argsort(score, kind="stable")[:count]
    return Selection(row, evidence.logits[row].argmax(1))


def _unit(feature: np.ndarray) -> np.ndarray:
    """Scale rows to unit length; rows of zeros stay zero."""
    length = np.linalg.norm(feature, axis=1, keepdims=True)
    return feature / np.maximum(length, np.finfo(feature.dtype).tiny)
