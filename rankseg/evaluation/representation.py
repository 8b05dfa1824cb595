# SPDX-License-Identifier: Apache-2.0
"""Quality of features, measured by nearest neighbors and linear classifiers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from rankseg.evaluation.knn import knn_classify
from rankseg.evaluation.linear_probe import linear_probe, top_shares


def judge_features(
    known: Tensor,
    label: Tensor,
    asked: Tensor,
    truth: Tensor,
    num_classes: int,
    *,
    knn: Sequence[int] = (),
    temperature: float | None = None,
    probes: Mapping[str, np.ndarray] | None = None,
    probe: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Evaluate features by classifying images from others with known classes.

    Args:
        known: ``(N, D)`` features of images with known classes.
        label: ``(N,)`` int64 classes of these images.
        asked: ``(M, D)`` features of images to classify.
        truth: ``(M,)`` int64 true classes of the images to classify.
        num_classes: ``K``.
        knn: Numbers of neighbors that vote.
        temperature: Temperature of the votes, see :func:`~rankseg.evaluation.knn.knn_classify`.
        probes: Names of linear probes, with the positions among the ``N`` images that each of them
            is trained on.
        probe: Options of :func:`~rankseg.evaluation.linear_probe.linear_probe`.

    Returns:
        In percent: ``knn1``, ``knn20``, ..., for each probe ``linear_NAME`` (top-1) and, for more
        than five classes, ``linear_NAME_top5``.

    Raises:
        ValueError: If an option is out of its range or a feature is not finite.
    """
    found: dict[str, float] = {}
    asked, label, truth = (part.to(known.device) for part in (asked, label, truth))
    for k in knn:
        guess = knn_classify(known, label, asked, k, temperature, num_classes, chunk=256)
        found[f"knn{k}"] = round(100 * (guess == truth).double().mean().item(), 2)
    for name, rows in (probes or {}).items():
        logits = linear_probe(known[rows], label[rows], asked, num_classes, **(probe or {}))
        for kind, value in top_shares(logits, truth).items():
            found[f"linear_{name}" + ("" if kind == "top1" else f"_{kind}")] = value
    return found
