# SPDX-License-Identifier: Apache-2.0
"""Data that the page shows for each run."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rankseg.report.run_folder import Run


class ImageResult(NamedTuple):
    """Image with ground truth and the prediction of one run.

    Attributes:
        name: File name relative to its data set.
        score: IoU of the image in percent. For a classifier, the confidence in percent, negative
            if the class is wrong.
        image: ``(H, W, 3)`` uint8 RGB.
        truth: ``(H, W)`` class ids or 255; ``(1, 1)`` for a classifier.
        label: Predicted class ids, of the same shape.
    """

    name: str
    score: float
    image: np.ndarray
    truth: np.ndarray
    label: np.ndarray


class ImageComparison(NamedTuple):
    """Image with the predictions of several runs.

    Attributes:
        result: Prediction of the first run.
        labels: Predicted label map and score by name of the run.
    """

    result: ImageResult
    labels: dict[str, tuple[np.ndarray, float]]


@dataclass
class RunResult:
    """Run with the predictions of its network on its validation images.

    Attributes:
        run: Run read from its folder.
        problem: One sentence on why prediction failed; None if it succeeded or was not requested.
        classes: Class names; empty if unknown.
        palette: RGB colors of the classes.
        image_level: Whether the network is a classifier.
        checkpoint: File name of the weights used.
        images: Number of evaluated validation images, and of all.
        confusion: ``(K, K)`` pixels or images by true (row) and predicted class, or None.
        best: Images with the best scores. For a classifier, its least confident correct
            predictions.
        worst: Images with the worst scores.
        panels: Search results of an embedding network, as uint8 RGB pictures.
    """

    run: Run
    problem: str | None = None
    classes: list[str] = field(default_factory=list)
    palette: list[tuple[int, int, int]] = field(default_factory=list)
    image_level: bool = False
    checkpoint: str = ""
    images: tuple[int, int] = (0, 0)
    confusion: np.ndarray | None = None
    best: list[ImageResult] = field(default_factory=list)
    worst: list[ImageResult] = field(default_factory=list)
    panels: list[np.ndarray] = field(default_factory=list)
