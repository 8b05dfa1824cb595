# SPDX-License-Identifier: Apache-2.0
"""Groups of the metrics of a run that are drawn together, with their titles."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from rankseg.utils.run_log import PSEUDO, Points, Scalars, main_metric

CLASS_PREFIXES = ("IoU/", "top1/", "recall1/")
DRAWN_CLASSES = 12  # more curves cannot be told apart
NETWORKS = ("student/", "teacher/")
RETRIEVAL = "r_precision", "map_r", "nmi"  # beside Recall@K for some K
OF_CLASSES = {"top1": "accuracy", "recall1": "Recall@1"}  # by main metric; IoU otherwise


class MetricGroup(NamedTuple):
    """Curves drawn together in one plot.

    Attributes:
        title: Title with the unit.
        series: Curves by name.
        log: Draw values on a logarithmic axis.
    """

    title: str
    series: dict[str, Points]
    log: bool = False


def group_scalars(scalars: Scalars) -> list[MetricGroup]:
    """Group losses, pseudo-label shares, learning rate, validation and classes, if present.

    Example:
        >>> train = {"loss": [(1, 2.0)], "loss_x": [(1, 2.0)], "lr": [(1, 0.1)]}
        >>> [group.title for group in group_scalars(Scalars(train, {"mIoU": [(1, 9.0)]}))]
        ['losses', 'learning rate', 'validation (%)']
    """
    train, val = scalars
    losses = {name: points for name, points in train.items() if name.startswith("loss")}
    rates = {name: points for name, points in train.items() if is_rate(name)}
    rest = {name: train[name] for name in train if name not in losses and name not in rates}
    shares = {
        name: points
        for name, points in rest.items()
        if PSEUDO not in name and all(0 <= y <= 1 for _, y in points)
    }
    pseudo = {name.removeprefix(PSEUDO): rest[name] for name in rest if name.startswith(PSEUDO)}
    others = {n: rest[n] for n in rest if n not in shares and PSEUDO not in n}
    main = main_metric(val)
    means = dict.fromkeys(
        (main, *(f"{name}{main}" for name in NETWORKS), "mIoU", "mDice", *of_retrieval(val))
    )
    classes = {
        name.partition("/")[2]: points
        for name, points in val.items()
        if name.startswith(CLASS_PREFIXES)
    }
    if len(classes) > DRAWN_CLASSES:
        classes = {}
    groups = [
        MetricGroup("losses", losses, log=True),
        MetricGroup("confident share" if list(shares) == ["confident"] else "shares", shares),
        MetricGroup("pseudo-labels (%)", pseudo),
        MetricGroup("other numbers", others),
        MetricGroup("learning rate", rates),
        MetricGroup("validation (%)", {name: val[name] for name in means if name in val}),
        MetricGroup(f"{OF_CLASSES.get(main, 'IoU')} of each class (%)", classes),
    ]
    return [group for group in groups if group.series]


def of_retrieval(names: Iterable[str]) -> list[str]:
    """Select the retrieval metrics: Recall@K by ``K``, those against all images first.

    >>> of_retrieval(["map_r", "split/recall1", "recall10", "recall1", "recall1/cat", "lr"])
    ['recall1', 'recall10', 'split/recall1', 'map_r']
    """
    found = [name for name in names if re.fullmatch(r"(split/)?recall\d+", name)]
    found.sort(key=lambda name: (name.startswith("split/"), int(name.rpartition("recall")[2])))
    return found + [name for name in RETRIEVAL if name in names]


def is_rate(name: str) -> bool:
    """Return whether a metric is a learning rate."""
    return name.rsplit("/", 1)[-1] in ("lr", "base_lr")


def mean_and_deviation(values: Sequence[float]) -> tuple[str, str]:
    """Format mean and sample standard deviation of two or more values; NaN if one has diverged.

    Example:
        >>> mean_and_deviation([1.0, 3.0])
        ('2.0', '1.4')
    """
    with np.errstate(invalid="ignore"):
        return f"{np.mean(values):.1f}", f"{np.std(values, ddof=1):.1f}"
