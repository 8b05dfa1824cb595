# SPDX-License-Identifier: Apache-2.0
"""Predictions of a finished run on its validation images, and their accuracy."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader, Subset

from rankseg.datasets.checks import evenly_spaced
from rankseg.engine.resilience.stopping import worker_start
from rankseg.inference.load import load_method
from rankseg.registry import DATASETS
from rankseg.report.run_folder import Run
from rankseg.training.validation import check_classes, is_image_level
from rankseg.utils.progress import track
from rankseg.visualization.panel import fit, fit_label

CHECKPOINTS = ("last", "best")
PREDICTION_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OSError,
    RuntimeError,
    ImportError,
)
KEPT = 128  # predictions are kept if the set has at most so many images
SIDE = 256  # longest side of a kept image, in pixels


def check_which(which: str) -> None:
    """Check the name of a checkpoint.

    Raises:
        ValueError: If it is neither ``"last"`` nor ``"best"``.
    """
    if which not in CHECKPOINTS:
        expected = ", ".join(CHECKPOINTS)
        raise ValueError(f"Expected which to be one of {expected}, but got {which!r}.")


def format_error(error: Exception) -> str:
    """Return the message of an error without its final period, or else the name of its class."""
    return str(error).removesuffix(".") or type(error).__name__


def validation_settings(run: Run) -> Config:
    """Return the settings of a run if they are safe to build from and have a validation set.

    Raises:
        ValueError: If not.
    """
    cfg = run.settings_to_build()
    if not cfg.get("val_dataloader"):
        raise ValueError(
            f"Expected the config of run {run.name} to have a validation set, but val_dataloader "
            "is missing."
        )
    return cfg


class ImagePrediction(NamedTuple):
    """Prediction for one image.

    Attributes:
        index: Index in the validation list.
        path: Image file.
        image: ``(H, W, 3)`` uint8 RGB, as fed to the network.
        truth: ``(H, W)`` class ids or 255; ``(1, 1)`` for a classifier.
        label: Predicted class ids, of the same shape.
        confidence: Probability of the predicted class, averaged over all pixels.
    """

    index: int
    path: str
    image: np.ndarray
    truth: np.ndarray
    label: np.ndarray
    confidence: float


class Evaluation(NamedTuple):
    """Accuracy of a run on its validation images.

    Attributes:
        confusion: ``(K, K)`` int64, pixels (or images) by true (row) and predicted class.
        indices: Indices of the evaluated images in the validation list.
        scores: Score of each image in percent: the mean IoU of the classes that are present or
            predicted, without the first class if the run is evaluated on its foreground. For a
            classifier, the confidence of the prediction, negative if it is wrong.
    """

    confusion: np.ndarray
    indices: list[int]
    scores: list[float]


class RunPredictor:
    """Network of a run with its validation images.

    Args:
        run: Run from :func:`rankseg.report.run_folder.read_runs`.
        which: ``"last"`` or ``"best"`` checkpoint.

    Attributes:
        dataset: Validation set.
        classes: Class names.
        palette: RGB colors of the classes.
        image_level: Whether the network is a classifier.
        kept: Small copies of predictions by index, for sets with few images.

    Raises:
        FileNotFoundError: If checkpoint or data are missing.
        ValueError: If they do not match, or the settings of the run must not be built from.
    """

    def __init__(self, run: Run, which: str = "last") -> None:
        check_which(which)
        cfg = validation_settings(run)
        self.checkpoint = run.find_checkpoint(which)
        init_default_scope(cfg.get("default_scope", "rankseg"))
        self.dataset = DATASETS.build(cfg.val_dataloader.dataset)
        check_classes(cfg, self.dataset)
        self.image_level = is_image_level(cfg)
        self.classes: list[str] = list(self.dataset.metainfo["classes"])
        self.palette = self.dataset.metainfo.get("palette") or [(0, 0, 0)] * len(self.classes)
        self.first = int(run.metric == "fgIoU")  # first class whose IoU counts
        self.kept: dict[int, ImagePrediction] = {}
        self._loading = dict(
            batch_size=cfg.val_dataloader.get("batch_size", 1),
            num_workers=(workers := min(2, cfg.val_dataloader.get("num_workers", 0))),
            worker_init_fn=worker_start(workers),
        )
        self.method = load_method(cfg, str(self.checkpoint)).eval()

    def choose(self, count: int | None) -> list[int]:
        """Return ``count`` indices evenly spaced in the list, or all if ``count`` is None."""
        total = len(self.dataset)
        return evenly_spaced(total, total if count is None else count)

    @torch.no_grad()
    def predict(self, indices: Sequence[int]) -> Iterator[ImagePrediction]:
        """Predict images by index, in the given order."""
        loader = DataLoader(
            Subset(self.dataset, list(indices)), collate_fn=pseudo_collate, **self._loading
        )
        places = iter(indices)
        for batch in loader:
            images = [image.permute(1, 2, 0).numpy() for image in batch["inputs"]]
            for image, sample in zip(images, self.method.test_step(batch), strict=True):
                truth = sample.gt_sem_seg.data.squeeze(0).cpu().numpy()
                chance = sample.seg_logits.data.float().softmax(0).amax(0).mean()
                label = sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
                path = str(sample.get("img_path", ""))
                one = ImagePrediction(next(places), path, image, truth, label, float(chance))
                if len(self.dataset) <= KEPT:
                    self.kept[one.index] = shrink(one)
                yield one

    def small(self, indices: Sequence[int]) -> list[ImagePrediction]:
        """Return predictions with small pictures, reusing the ones that are kept."""
        new = [index for index in indices if index not in self.kept]
        found = self.kept | {one.index: shrink(one) for one in self.predict(new)}
        return [found[index] for index in indices]

    def evaluate(self, indices: Sequence[int]) -> Evaluation:
        """Compare predictions with the ground truth, and show progress.

        Args:
            indices: Indices in the list.
        """
        total = np.zeros((len(self.classes),) * 2, np.int64)
        scores = []
        for one in track(self.predict(indices), "predicting images", len(indices)):
            confusion = count_pairs(one.truth, one.label, len(self.classes))
            total += confusion
            if self.image_level:
                right = confusion.trace() > 0
                scores.append(100 * one.confidence * (1 if right else -1))
            else:
                scores.append(mean_iou(confusion, self.first))
        return Evaluation(total, list(indices), scores)

    def name(self, path: str | Path) -> str:
        """Return the name of a file relative to the data root."""
        root = Path(self.dataset.data_root).absolute()
        path = Path(path).absolute()
        return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def shrink(one: ImagePrediction) -> ImagePrediction:
    """Return a copy with pictures small enough for a page."""
    if max(one.image.shape[:2]) <= SIDE:
        return one
    cell = SIDE, SIDE
    maps = [m if m.size == 1 else fit_label(m, cell) for m in (one.truth, one.label)]
    return one._replace(image=fit(one.image, cell), truth=maps[0], label=maps[1])


def count_pairs(truth: np.ndarray, label: np.ndarray, num_classes: int) -> np.ndarray:
    """Count ``(K, K)`` pixels by true (row) and predicted class, without ignored pixels.

    Example:
        >>> count_pairs(np.array([[0, 1, 255]]), np.array([[1, 1, 0]]), 2)
        array([[0, 1],
               [0, 1]])
    """
    known = truth < num_classes
    pairs = truth[known].astype(np.int64) * num_classes + label[known]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def ious(confusion: np.ndarray) -> np.ndarray:
    """Return the IoU of each class in percent; nan if a class is neither present nor predicted."""
    right = confusion.diagonal()
    either = confusion.sum(0) + confusion.sum(1) - right
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(either > 0, 100 * right / either, np.nan)


def mean_iou(confusion: np.ndarray, first: int = 0) -> float:
    """Return the mean IoU of present or predicted classes from ``first`` on; nan without any."""
    known = ious(confusion)[first:]
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")
