# SPDX-License-Identifier: Apache-2.0
"""What the page shows of each run."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rankseg.report.run_folder import Run


class Picture(NamedTuple):
    """One image that a run was asked about.

    Attributes:
        name: File, within its data set.
        score: IoU of the image in percent; of a classifier the confidence in percent, negative
            where the class is wrong.
        image: ``(H, W, 3)`` uint8 RGB.
        truth: ``(H, W)`` class ids or 255; ``(1, 1)`` for a classifier.
        label: What was predicted, likewise.
    """

    name: str
    score: float
    image: np.ndarray
    truth: np.ndarray
    label: np.ndarray


class SideBySide(NamedTuple):
    """One image that several runs were asked about.

    Attributes:
        picture: As the first of them sees it.
        labels: By name of the run what it predicts, and its score.
    """

    picture: Picture
    labels: dict[str, tuple[np.ndarray, float]]


@dataclass
class Seen:
    """A run, and what its network says of its validation images.

    Attributes:
        run: The run.
        problem: Why nothing could be predicted, one sentence; None if it could, or was not to be.
        classes: Names; empty if they are not known.
        palette: RGB colours of the classes.
        image_level: It is a classifier.
        checkpoint: Name of the file whose weights were used.
        images: Validation images that were looked at, and all there are.
        confusion: ``(K, K)`` pixels or images by true (row) and predicted class, or None.
        best: The images it is most right about; of a classifier the right ones it is least sure of.
        worst: The images it is most wrong about.
        panels: Of an embedding network what it finds, uint8 RGB pictures.
    """

    run: Run
    problem: str | None = None
    classes: list[str] = field(default_factory=list)
    palette: list[tuple[int, int, int]] = field(default_factory=list)
    image_level: bool = False
    checkpoint: str = ""
    images: tuple[int, int] = (0, 0)
    confusion: np.ndarray | None = None
    best: list[Picture] = field(default_factory=list)
    worst: list[Picture] = field(default_factory=list)
    panels: list[np.ndarray] = field(default_factory=list)
