# SPDX-License-Identifier: Apache-2.0
"""Critical samples: near enough to be labelled right, and uncertain enough to teach something."""

from typing import NamedTuple

import numpy as np
from scipy.stats import entropy

from rankseg.discovery.centres import class_centres, nearest_centre
from rankseg.discovery.ranked_labels import ranked_labels

RULES = (
    "confined_maximum_entropy",
    "confined_minimum_entropy",
    "unconfined_maximum_entropy",
    "unconfined_minimum_entropy",
    "minimum_distance",
)


class Critical(NamedTuple):
    """What was found among ``U`` unlabelled features.

    Attributes:
        index: ``(M,)`` int64 positions in ``[0, U)``, the first choice first.
        label: ``(M,)`` int64 classes, the largest of ``soft``; of equally large ones the class of
            the nearest centre where it is among them, else the first.
        soft: ``(M, K)`` float64 ranked labels, rows add up to 1.
    """

    index: np.ndarray
    label: np.ndarray
    soft: np.ndarray


def confine(distance: np.ndarray, share: float, least: int = 0) -> np.ndarray:
    """Which features are near a class centre.

    The threshold is the ``share`` quantile of the distances, so that it follows the scale of the
    features while these are learned.

    Args:
        distance: ``(U,)`` to the nearest centre.
        share: In ``(0, 1]``.
        least: So many are taken in any case, if there are as many.

    Returns:
        ``(U,)`` bool; true for all features at the threshold.

    Source: LMCS, eq. 3.9, whose threshold is not published.
    """
    if not len(distance):
        return np.zeros(0, bool)
    count = min(len(distance), max(int(np.ceil(share * len(distance))), least, 1))
    return distance <= np.partition(distance, count - 1)[count - 1]


def find_critical(
    feature: np.ndarray,
    labeled: np.ndarray,
    label: np.ndarray,
    num_classes: int,
    count: int,
    rule: str = RULES[0],
    share: float = 0.2,
    beta: float = 0.1,
) -> Critical:
    r"""Choose unlabelled features and their labels.

    .. math:: H(x') = \sum_l p'_l \log_2 (1 / p'_l)

    Of the features that are :func:`confined <confine>` those with the largest entropy of their
    :func:`ranked label <rankseg.discovery.ranked_labels.ranked_labels>` are chosen; of equal ones
    the nearer to a centre, then the first. The other rules are those that the paper compares with.

    Args:
        feature: ``(U, D)`` of unlabelled images.
        labeled: ``(L, D)`` of labelled ones.
        label: ``(L,)`` int classes of these.
        num_classes: ``K``.
        count: How many to choose; all where there are fewer.
        rule: One of :data:`RULES`.
        share: Of the features that are confined, in ``(0, 1]``; more where ``count`` needs them.
        beta: See :func:`~rankseg.discovery.ranked_labels.ranked_labels`.

    Raises:
        ValueError: If an option is none of those, or there is no labelled feature.

    Source: LMCS (dissertation, chapter 3), eq. 3.8 to 3.12 and Table 3.8.
    """
    check_options(rule, share)
    distance, nearest = nearest_centre(feature, class_centres(labeled, label, num_classes))
    soft = ranked_labels(feature, labeled, label, num_classes, beta)
    uncertainty = np.round(entropy(soft, base=2, axis=1), 12)  # equal votes in another order
    allowed = np.ones(len(feature), bool)
    if rule.startswith("confined"):
        allowed = confine(distance, share, count)
    keys = [distance]
    if rule != "minimum_distance":
        keys.append(-uncertainty if "maximum" in rule else uncertainty)
    keys.append(~allowed)
    order = np.lexsort(keys)[: min(count, int(allowed.sum()))]
    chosen = soft[order]
    own = chosen[np.arange(len(order)), nearest[order]]
    hard = np.where(own == chosen.max(1, initial=0), nearest[order], chosen.argmax(1))
    return Critical(order, hard, chosen)


def check_options(rule: str, share: float) -> None:
    """Check options of :func:`find_critical`.

    Raises:
        ValueError: If one is none of those.
    """
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} of discovery: expected one of {', '.join(RULES)}")
    if not 0 < share <= 1:
        raise ValueError(f"share={share} of confined images: expected a number in (0, 1]")
