# SPDX-License-Identifier: Apache-2.0
"""Critical samples: near enough to be labelled right, and uncertain enough to teach something."""

from math import ceil

import numpy as np
from scipy.stats import entropy

from rankseg.registry import SELECTIONS
from rankseg.selection.discovery.centres import class_centres, nearest_centre
from rankseg.selection.discovery.evidence import Evidence, Selection
from rankseg.selection.discovery.ranked_labels import ranked_labels
from rankseg.selection.discovery.turns import in_turns

RULES = (
    "confined_maximum_entropy",
    "confined_minimum_entropy",
    "unconfined_maximum_entropy",
    "unconfined_minimum_entropy",
    "minimum_distance",
)
REFERENCES = ("given", "all")
SPARE = 2  # confined for one that is taken, at least: else nothing is left to choose


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
    r"""Confined maximum entropy search: choose unlabelled images, and label them by rank.

    .. math:: H(x') = \sum_l p'_l \log_2 (1 / p'_l)

    Of the features that are :func:`confined <confine>` those with the largest entropy of their
    :func:`ranked label <rankseg.selection.discovery.ranked_labels.ranked_labels>` are chosen; of
    equal ones the nearer to a centre, then the first. The class is the largest entry of the ranked
    label; of equally large ones that of the nearest centre where it is among them, else the first.
    The other rules are those that the paper compares with.

    Args:
        evidence: Features and labels.
        count: How many to choose; all where there are fewer.
        rng: Not used.
        rule: One of :data:`RULES`.
        share: Of the candidates that are confined, in ``(0, 1]``; at least twice as many as are
            taken, if there are as many. Not published.
        beta: See :func:`~rankseg.selection.discovery.ranked_labels.ranked_labels`. Not published.
        reference: Which images centres and ranks are of: ``"given"``, the labelled ones, as the
            equations say, or ``"all"``, with those discovered before.
        balanced: Confine every class by itself, and take classes by turns, see
            :func:`~rankseg.selection.discovery.nearest_centres`; one that has too few is made up
            for by the others.

    Raises:
        ValueError: If an option is none of those, or there is no labelled feature.

    Source: LMCS (dissertation, chapter 3), eq. 3.8 to 3.12 and Table 3.8.
    """
    check_options(rule, share, reference)
    rows = evidence.num_given if reference == "given" else len(evidence.label)
    labeled = evidence.labeled[:rows], evidence.label[:rows], evidence.num_classes
    distance, nearest = nearest_centre(evidence.candidates, class_centres(*labeled))
    soft = ranked_labels(evidence.candidates, *labeled, beta)
    uncertainty = np.round(entropy(soft, base=2, axis=1), 12)  # equal votes in another order
    largest = soft >= soft.max(1, initial=0, keepdims=True) - 1e-12
    own = largest[np.arange(len(soft)), nearest]
    label = np.where(own, nearest, largest.argmax(1))
    keys = [distance]
    if rule != "minimum_distance":
        keys.append(-uncertainty if "maximum" in rule else uncertainty)
    if rule.startswith("confined"):
        allowed = np.zeros(len(soft), bool)
        groups = label if balanced else np.zeros_like(label)
        names = np.unique(groups)
        for name in names:
            rows = groups == name
            allowed[rows] = confine(distance[rows], share, SPARE * ceil(count / len(names)))
        keys.append(~allowed)
    order = np.lexsort(keys)
    row = (in_turns(order, label) if balanced else order)[:count]
    return Selection(row, label[row])


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


def check_options(rule: str, share: float, reference: str) -> None:
    """Check options of :func:`critical_samples`.

    Raises:
        ValueError: If one is none of those.
    """
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} of critical_samples: expected one of {', '.join(RULES)}")
    if not 0 < share <= 1:
        raise ValueError(f"share={share} of critical_samples: expected a number in (0, 1]")
    if reference not in REFERENCES:
        raise ValueError(
            f"reference={reference!r} of critical_samples: expected one of {REFERENCES}"
        )
