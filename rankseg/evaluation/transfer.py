# SPDX-License-Identifier: Apache-2.0
"""Transfer learning: logistic regression on frozen features of another data set."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from rankseg.evaluation.features import check_finite, draw_share, standardize
from rankseg.utils.progress import track

STRENGTHS = tuple(np.logspace(-6, 5, 45))
"""Strengths of the L2 term, as tried by SimCLR and BYOL."""


class Transfer(NamedTuple):
    """Result of a logistic regression.

    Attributes:
        label: ``(M,)`` int64 predicted classes of the queries.
        strength: Strength of the L2 term that was best on the validation part.
        validation: Accuracy on the validation part, in percent.
        at_edge: Whether the best strength is the smallest or the largest of those tried.
    """

    label: Tensor
    strength: float
    validation: float
    at_edge: bool


def logistic_transfer(
    feature: Tensor,
    label: Tensor,
    query: Tensor,
    *,
    strengths: Sequence[float] = STRENGTHS,
    val_share: float = 0.2,
    max_iter: int = 200,
    seed: int = 0,
) -> Transfer:
    r"""Classify by multinomial logistic regression with an L2 term, by scikit-learn.

    .. math:: \min_W \sum_i CE(W x_i, y_i) + \lambda/2 \, \|W\|^2

    The strength :math:`\lambda` is chosen on a validation part of the labeled images, the largest
    in case of a tie. Then the model is trained on all of them. The queries do not affect the
    choice.

    Args:
        feature: ``(N, D)`` features of the labeled images.
        label: ``(N,)`` int64 classes.
        query: ``(M, D)`` features to classify.
        strengths: Values of :math:`\lambda` to try.
        val_share: Share of every class to validate on. Not published: the data sets of the papers
            have their own validation parts.
        max_iter: Steps of L-BFGS for each strength, starting from the last solution. Not published.
        seed: Seed of the draw of the validation part.

    Raises:
        ValueError: If a feature is not finite, there are fewer than two classes, or none has two
            images.

    Source: Kornblith et al. (CVPR 2019), SimCLR (ICML 2020), appendix B.8; CMSF (ECCV 2022),
        Table 2.
    """
    check_finite(labeled_images=feature, queries=query)
    counts = torch.bincount(label)
    if (counts > 0).sum() < 2 or counts.max() < 2:
        raise ValueError(
            "Expected two or more classes, at least one of them with two images, for logistic "
            f"regression, but got {len(label)} images of {int((counts > 0).sum())} classes."
        )
    x, asked = (part.cpu().double().numpy() for part in standardize(feature, query))
    y = label.cpu().numpy()
    val = draw_share(y, val_share, seed, leave=1)
    fit = np.setdiff1d(np.arange(len(y)), val)
    tried = []
    model = LogisticRegression(max_iter=max_iter, warm_start=True)
    order = sorted(strengths, reverse=True)
    for strength in track(order, "logistic regression, strength", logger="current"):
        _fit(model.set_params(C=1 / strength), x[fit], y[fit])
        tried.append((float((model.predict(x[val]) == y[val]).mean()), strength))
    accuracy, strength = max(tried)
    model = _fit(LogisticRegression(max_iter=max_iter, C=1 / strength), x, y)
    at_edge = len(strengths) > 1 and strength in (min(strengths), max(strengths))
    found = torch.from_numpy(model.predict(asked))
    return Transfer(found, float(strength), round(100 * accuracy, 2), at_edge)


def _fit(model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    """Fit without a warning, since separable classes have no optimum under weak regularization."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)


def accuracies(label: Tensor, truth: Tensor) -> dict[str, float]:
    """Compute the top-1 accuracy and the mean over classes, in percent.

    Table 2 of CMSF reports the mean over classes for Aircraft, Pets, Caltech-101 and Flowers, and
    top-1 for the other data sets.
    """
    right = (label.cpu() == truth.cpu()).double()
    counts = torch.bincount(truth.cpu()).double()
    by_class = torch.bincount(truth.cpu(), right)[counts > 0] / counts[counts > 0]
    values = {"top1": right.mean(), "mean_class": by_class.mean()}
    return {name: round(100 * value.item(), 2) for name, value in values.items()}
