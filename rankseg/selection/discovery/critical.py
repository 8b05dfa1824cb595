# SPDX-License-Identifier: Apache-2.0
"""Critical samples: near enough to be labeled correctly, and uncertain enough to be useful."""

from math import ceil

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import entropy, rankdata

from rankseg.registry import SELECTIONS
from rankseg.selection.discovery.centers import class_centers, nearest_center, round_robin
from rankseg.selection.discovery.evidence import Evidence, Selection

RULES = (
    "confined_maximum_entropy",
    "confined_minimum_entropy",
    "unconfined_maximum_entropy",
    "unconfined_minimum_entropy",
    "minimum_distance",
)
REFERENCES = ("given", "all")
ROWS = 1024  # features per step, to limit the memory of 50,000 x 10,000 distances
SPARE = 2  # confined candidates per selected one, at least, so that there is a choice


@SELECTIONS.register_module()
def critical_samples(
    evidence: Evidence,
    count: int,
    rng: np.random.Generator | None = None,
    rule: str = RULES[0],
    share: float = 0.2,
    beta: float = 0.1,
    reference: str = "given",
    balanced: bool = False,
) -> Selection:
    r"""Select unlabeled images by confined maximum entropy search, and label them by rank.

    .. math:: H(x') = \sum_l p'_l \log_2 (1 / p'_l)

    Among the :func:`confined <confine>` features, those with the largest entropy of their
    :func:`ranked label <rankseg.selection.discovery.critical.ranked_labels>` are selected.
    Ties go to the feature nearer to a center, then to the first. The class is the largest entry of
    the ranked label. Ties go to the class of the nearest center if it is among them, else to the
    first. The other rules are the baselines of the paper.

    Args:
        evidence: Features and labels.
        count: Number of images to select; all if there are fewer.
        rng: Not used.
        rule: One of :data:`RULES`.
        share: Share of the candidates that are confined, in ``(0, 1]``; at least twice as many as
            are selected, if there are enough. Not published.
        beta: See :func:`~rankseg.selection.discovery.critical.ranked_labels`. Not published.
        reference: Images for centers and ranks: ``"given"`` for the labeled ones, as in the
            equations, or ``"all"`` to include those discovered before.
        balanced: Confine every class separately, and select classes in turn, see
            :func:`~rankseg.selection.discovery.nearest_centers`. If a class has too few, the others
            fill up.

    Raises:
        ValueError: If an option is not valid, or there is no labeled feature.

    Source: LMCS (dissertation, chapter 3), eq. 3.8 to 3.12 and Table 3.8.
    """
    check_options(rule, share, reference)
    rows = evidence.num_given if reference == "given" else len(evidence.label)
    labeled = evidence.labeled[:rows], evidence.label[:rows], evidence.num_classes
    distance, nearest = nearest_center(evidence.candidates, class_centers(*labeled))
    label, uncertainty = _vote(evidence.candidates, nearest, *labeled, beta)
    keys = [distance]
    if rule != "minimum_distance":
        keys.append(-uncertainty if "maximum" in rule else uncertainty)
    if rule.startswith("confined"):
        allowed = np.zeros(len(label), bool)
        groups = label if balanced else np.zeros_like(label)
        names = np.unique(groups)
        for name in names:
            rows = groups == name
            allowed[rows] = confine(distance[rows], share, SPARE * ceil(count / len(names)))
        keys.append(~allowed)
    order = np.lexsort(keys)
    row = (round_robin(order, label) if balanced else order)[:count]
    return Selection(row, label[row])


def _vote(
    feature: np.ndarray,
    nearest: np.ndarray,
    labeled: np.ndarray,
    label: np.ndarray,
    num_classes: int,
    beta: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of the largest ranked label of each feature and its entropy, in blocks.

    Args:
        feature: ``(U, D)`` features to label.
        nearest: ``(U,)`` class of the nearest center, which wins ties.
        labeled: See :func:`ranked_labels`, also for the other arguments.

    Returns:
        ``(U,)`` int64 classes and ``(U,)`` float64 entropies in bits.
    """
    chosen, uncertainty = np.empty(len(feature), np.int64), np.empty(len(feature))
    for start in range(0, max(len(feature), 1), ROWS):  # all soft labels would take 8 U K bytes
        rows = slice(start, start + ROWS)
        soft = ranked_labels(feature[rows], labeled, label, num_classes, beta)
        uncertainty[rows] = np.round(entropy(soft, base=2, axis=1), 12)  # equal votes stay ties
        largest = soft >= soft.max(1, initial=0, keepdims=True) - 1e-12
        own = largest[np.arange(len(soft)), nearest[rows]]
        chosen[rows] = np.where(own, nearest[rows], largest.argmax(1))
    return chosen, uncertainty


def confine(distance: np.ndarray, share: float, least: int = 0) -> np.ndarray:
    """Mark the features near a class center.

    The threshold is the ``share`` quantile of the distances, so it adapts to the scale of the
    features while they are learned.

    Args:
        distance: ``(U,)`` distances to the nearest center.
        share: Share of the features to mark, in ``(0, 1]``.
        least: Minimum number of features to mark, if there are enough.

    Returns:
        ``(U,)`` bool; true for all features at the threshold.

    Source: LMCS, eq. 3.9, whose threshold is not published.
    """
    if not len(distance):
        return np.zeros(0, bool)
    count = min(len(distance), max(int(np.ceil(share * len(distance))), least, 1))
    return distance <= np.partition(distance, count - 1)[count - 1]


def check_options(rule: str, share: float, reference: str) -> None:
    """Check the options of :func:`critical_samples`.

    Raises:
        ValueError: If an option is not valid.
    """
    if rule not in RULES:
        raise ValueError(
            f"Expected rule of critical_samples to be one of {', '.join(RULES)}, but got {rule!r}."
        )
    if not 0 < share <= 1:
        raise ValueError(f"Expected share of critical_samples in (0, 1], but got {share}.")
    if reference not in REFERENCES:
        raise ValueError(
            f"Expected reference of critical_samples to be one of {REFERENCES}, but got "
            f"{reference!r}."
        )


def ranked_labels(
    feature: np.ndarray,
    labeled: np.ndarray,
    label: np.ndarray,
    num_classes: int,
    beta: float,
    rows: int = ROWS,
) -> np.ndarray:
    r"""Compute soft labels by a vote of all labeled features, with more weight for nearer ones.

    .. math::
        W(x) = \frac{\beta}{\beta + R(x) / L}, \qquad
        p(x') = \sum_x W(x) \, p(x) \,/\, \sum_x W(x)

    ``R(x)``, from 1 to ``L``, is the rank of the distance of a labeled feature ``x`` to ``x'``.
    Equal distances share the mean of their ranks, so the order of the list does not matter.

    >>> ranked_labels(np.array([[0.0]]), np.array([[1.0], [2.0]]), np.array([1, 0]), 2, 0.5)
    array([[0.4, 0.6]])

    Args:
        feature: ``(U, D)`` features to label.
        labeled: ``(L, D)`` labeled features, at least one.
        label: ``(L,)`` int classes in ``[0, K)``.
        num_classes: ``K``.
        beta: Weight parameter above 0. A smaller value gives more weight to the nearest features.
        rows: Features per step.

    Returns:
        ``(U, K)`` float64, whose rows sum to 1.

    Raises:
        ValueError: If there is no labeled feature, or ``beta`` is not above 0.

    Source: LMCS (dissertation, chapter 3), eq. 3.10 and 3.11.
    """
    if not beta > 0:
        raise ValueError(
            f"Expected beta of ranked labels to be above 0, such as 0.1, but got {beta}."
        )
    if not len(labeled):
        raise ValueError("there is no labeled feature to take labels from")
    one_hot = np.eye(num_classes)[label]
    soft = np.empty((len(feature), num_classes))
    for start in range(0, len(feature), rows):
        piece = slice(start, start + rows)
        rank = rankdata(cdist(feature[piece], labeled), axis=1)
        soft[piece] = (beta / (beta + rank / len(labeled))) @ one_hot
    return soft / soft.sum(1, keepdims=True)
