# SPDX-License-Identifier: Apache-2.0
"""Confident images: those near a class centre, and what they are compared with."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import rankdata

from rankseg.registry import SELECTIONS
from rankseg.selection.discovery.centres import centre_distances, class_centres
from rankseg.selection.discovery.evidence import Evidence, Selection
from rankseg.selection.discovery.turns import in_turns

KEEP = ("min", "random", "max", "far")
FUSE = ("average", "cascade", "rank")


@SELECTIONS.register_module()
def nearest_centres(
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
    """Give every candidate the class of its nearest centre, and take some of them.

    Centres are those of labelled and discovered images. Equal distances go by the order of the
    candidates.

    Args:
        evidence: Features and labels.
        count: Number of images to take.
        rng: For ``keep="random"``.
        keep: ``"min"`` takes those nearest to their centre, ``"max"`` those farthest from it,
            ``"random"`` any, ``"far"`` the farthest of those that are confident.
        fuse: How distances by features of earlier discoveries are fused with those of now, where
            there are such: ``"average"`` of the distances, ``"cascade"`` puts the features one
            after the other, ``"rank"`` orders candidates by their mean rank, with the class of
            the mean distance. ``None`` leaves them aside.
        confident: The ``confident * count`` nearest ones are confident.
        share: At most this share of the candidates is confident, but never fewer than are taken.
            Not published: where ``count`` doubles, ten times as many are soon more than there
            are, and the rule would take the farthest of all.
        normalize: Bring features to unit length first, which the paper does not say. Of a network
            that is seldom right, images with weak features are near every centre.
        balanced: Take classes by turns. The paper takes the best of all: where the network is
            seldom right, one class may get half of the images and another none.

    Raises:
        ValueError: If an option is none of those.

    Source: Snowball (dissertation, chapter 2), section 2.3.3; Tables 2.9 (``keep``) and 2.10
        (``fuse``); section 2.4.1 (4) for ``"far"``, which goes with MixMatch.
    """
    for name, value, known in (("keep", keep, KEEP), ("fuse", fuse, (None, *FUSE))):
        if value not in known:
            raise ValueError(f"{name}={value!r} of nearest_centres: expected one of {known}")
    if not confident >= 1 or not 0 <= share <= 1:
        raise ValueError(
            f"confident={confident} and share={share} of nearest_centres: expected a multiple of 1 "
            "or more, and a share from 0 to 1"
        )
    score, label = nearest(evidence, fuse, normalize)
    order = np.argsort(score, kind="stable")
    if keep == "random":
        order = rng.permutation(len(score))
    elif keep == "max":
        order = np.argsort(-score, kind="stable")
    if balanced:
        order = in_turns(order, label)
    if keep == "far":
        size = max(count, min(round(confident * count), round(share * len(score))))
        near = np.sort(order[:size])
        order = near[np.argsort(-score[near], kind="stable")]
        order = in_turns(order, label) if balanced else order
    row = order[:count]
    return Selection(row, label[row])


def nearest(
    evidence: Evidence, fuse: str | None = None, normalize: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest centre, or what stands for it, and its class: ``(U,)`` each.

    Args:
        evidence: Features and labels.
        fuse: As in :func:`nearest_centres`.
        normalize: As in :func:`nearest_centres`.
    """
    pairs = [(evidence.labeled, evidence.candidates)]
    if fuse is not None:
        pairs = [*evidence.past, *pairs]
    if normalize:
        pairs = [tuple(map(_unit, pair)) for pair in pairs]
    if fuse == "cascade":
        pairs = [tuple(np.concatenate(parts, axis=1) for parts in zip(*pairs, strict=True))]
    distances = np.stack(
        [
            centre_distances(feature, class_centres(labeled, evidence.label, evidence.num_classes))
            for labeled, feature in pairs
        ]
    )
    mean = distances.mean(0)
    score = mean.min(1)
    if fuse == "rank":
        score = rankdata(distances.min(2), axis=1).mean(0)
    return score, mean.argmin(1)


@SELECTIONS.register_module()
def most_confident(evidence: Evidence, count: int, rng: np.random.Generator) -> Selection:
    """Take the candidates whose class the network is most sure of, as self-training does.

    Args:
        evidence: Its logits count.
        count: Number of images to take.
        rng: Not used.

    Source: Snowball (dissertation, chapter 2), figures 2.6 and 2.7: what it is compared with.
    """
    odds = evidence.logits.astype(np.float64) - evidence.logits.max(1, keepdims=True)
    np.put_along_axis(odds, evidence.logits.argmax(1)[:, None], -np.inf, 1)
    # of the other classes against the best one; the probability of that rounds to 1
    score = logsumexp(odds, axis=1)
    row = np.argsort(score, kind="stable")[:count]
    return Selection(row, evidence.logits[row].argmax(1))


def _unit(feature: np.ndarray) -> np.ndarray:
    """Rows of unit length; those of zeros stay."""
    length = np.linalg.norm(feature, axis=1, keepdims=True)
    return feature / np.maximum(length, np.finfo(feature.dtype).tiny)
