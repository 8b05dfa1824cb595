# SPDX-License-Identifier: Apache-2.0
"""mIoU, Dice and accuracy, per class and overall, for every network that predicts."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from mmseg.evaluation import IoUMetric
from prettytable import PrettyTable
from torch import Tensor

from rankseg.evaluation.metric import RunMetric
from rankseg.evaluation.notes import ClassNotes, cell, warn_not_finite
from rankseg.imageio.masks import check_values
from rankseg.registry import METRICS

OTHERS = ("student", "teacher")
COLLECT = "gpu"  # MMEngine's name for messages, even without a GPU; "cpu" writes files to "."

NO_IMAGES = (
    "Expected the validation set to have images, but got none. Check the list in "
    "val_dataloader.dataset.ann_file."
)


@METRICS.register_module()
class SegmentationMetric(RunMetric, IoUMetric):
    """mmseg's ``IoUMetric`` with metrics per class and for student and teacher.

    Reported in percent: ``mIoU``, ``mDice``, ``mAcc``, ``aAcc``, and ``IoU/<class>``,
    ``Dice/<class>``, ``Acc/<class>``. A class that is neither predicted nor in the ground truth has
    no IoU and is left out of the means. A class that is predicted but not in the ground truth has
    an IoU of 0. Without a labeled pixel all metrics are nan. The log lists missing classes. If
    samples carry ``student_sem_seg`` or ``teacher_sem_seg`` (see ``Method.predict``), the same
    metrics are reported under ``student/`` or ``teacher/``.

    Args:
        per_class: Also return the metrics of each class, not only print them in the table.
        foreground: Report ``fgIoU`` and ``fgDice``, the means over all classes but the first. With
            two classes these are the numbers of the second, which a mean with the background hides.
        **kwargs: Further arguments of mmseg's ``IoUMetric``.
    """

    default_prefix = ""  # MMEngine warns without one

    def __init__(self, per_class: bool = False, foreground: bool = False, **kwargs) -> None:
        super().__init__(**{"iou_metrics": ["mIoU", "mDice"], "collect_device": COLLECT, **kwargs})
        self.per_class = per_class
        self.foreground = foreground
        self.notes = ClassNotes("pixel")

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch of predictions, without waiting for the device."""
        num_classes = len(self.dataset_meta["classes"])
        for sample in data_samples:
            truth = sample["gt_sem_seg"]["data"].squeeze()
            counts = {
                name: count_pixels(
                    sample[f"{name}_sem_seg"]["data"].squeeze(),
                    truth,
                    num_classes,
                    self.ignore_index,
                )
                for name in ("pred", *OTHERS)
                if f"{name}_sem_seg" in sample
            }
            largest = truth.masked_fill(truth == self.ignore_index, 0).max()
            result = {"counts": counts, "largest": largest, "lost": lost_pixels(sample)}
            self.results.append({**result, "path": sample.get("img_path", "(no img_path)")})

    def evaluate(self, size: int) -> dict[str, float]:
        """Evaluate like MMEngine, but let processes exchange numbers, which need no GPU.

        Tensors would arrive on the device with the sender's index.
        """
        if self.results:
            counts = {
                name: torch.stack([result["counts"][name] for result in self.results]).numpy(
                    force=True
                )
                for name in self.results[0]["counts"]
            }
            single = ("largest", "lost")
            numbers = {
                name: torch.stack([result[name] for result in self.results]).tolist()
                for name in single
            }
            for i, result in enumerate(self.results):
                result["counts"] = {name: some[i] for name, some in counts.items()}
                result.update({name: numbers[name][i] for name in single})
        return super().evaluate(size)

    def _check_truth(self, results: list[dict]) -> None:
        """Check that the ground truth holds only classes and the label to ignore."""
        classes = self.dataset_meta["classes"]
        for result in results:
            if (value := result["largest"]) >= len(classes):
                path = f"of image {result['path']}"
                check_values(np.array([value]), classes, path, self.ignore_index)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Compute the metrics of all images, in percent.

        Raises:
            ValueError: If there is no image, or the ground truth holds a value that is neither a
                class nor the label to ignore.
        """
        if not results:
            raise ValueError(NO_IMAGES)
        self._check_truth(results)
        lost, paths = ([result[key] for result in results] for key in ("lost", "path"))
        warn_not_finite(lost, paths, "pixels")
        metrics = {}
        networks = results[0]["counts"]
        for name in networks:
            counts = np.stack([result["counts"][name] for result in results])
            totals = torch.from_numpy(counts.sum(0)).double()
            values = self.total_area_to_metrics(*totals, self.metrics, self.nan_to_num, self.beta)
            values = {key: 100 * np.asarray(value) for key, value in values.items()}
            prefix = "" if name == "pred" else f"{name}/"
            if len(networks) > 1:
                print_log(
                    "the other network:" if prefix else "the network that predicts:", "current"
                )
            overall = {"aAcc": float(values.pop("aAcc"))}
            overall |= {f"m{key}": mean_of_known(value) for key, value in values.items()}
            if self.foreground:
                overall |= {f"fg{key}": mean_of_known(values[key][1:]) for key in ("IoU", "Dice")}
            metrics |= {f"{prefix}{key}": round(value, 2) for key, value in overall.items()}
            print_log(f"per class results:\n{self._table(values)}", "current")
            if name == "pred":
                _, _, predicted, truth = (total.numpy() for total in totals)
                self.notes.say(truth, predicted, self.dataset_meta["classes"])
                if self.per_class:
                    metrics |= self._classes(values)
        return metrics

    def _table(self, values: dict[str, np.ndarray]) -> str:
        table = PrettyTable()
        table.add_column("Class", list(self.dataset_meta["classes"]))
        for key, value in values.items():
            table.add_column(key, [cell(percent) for percent in value])
        return table.get_string()

    def _classes(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Collect IoU, Dice and accuracy of every class that has them."""
        return {
            f"{key}/{label}": round(float(value), 2)
            for key in ("IoU", "Dice", "Acc")
            for label, value in zip(self.dataset_meta["classes"], values[key], strict=True)
            if value == value
        }


def lost_pixels(sample: dict) -> Tensor:
    """Count pixels with a NaN or infinite largest logit: ``()`` int64, on the device."""
    if "seg_logits" not in sample:
        return torch.zeros((), dtype=torch.long, device=sample["gt_sem_seg"]["data"].device)
    return sample["seg_logits"]["data"].amax(0).isfinite().logical_not_().sum()


def count_pixels(prediction: Tensor, truth: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """Count the pixels of each class, in the order of mmseg's ``IoUMetric``.

    Args:
        prediction: ``(H, W)`` classes.
        truth: ``(H, W)`` classes or ``ignore_index``.
        num_classes: ``K``.
        ignore_index: Label of pixels that do not count.

    Returns:
        ``(4, K)`` int64 on the device of ``prediction``: intersection, union, predicted, true.
    """
    truth = truth.to(prediction.device, torch.int64)
    # pixels that do not count get an extra bin after the classes
    truth = torch.where((truth == ignore_index) | (truth >= num_classes), num_classes, truth)
    pairs = (truth * num_classes + prediction).flatten()
    bins = (num_classes + 1) * num_classes
    if pairs.device.type == "cpu":
        table = torch.bincount(pairs, minlength=bins)
    else:  # bincount would wait for the device
        table = pairs.new_zeros(bins).scatter_add_(0, pairs, torch.ones_like(pairs))
    table = table.view(num_classes + 1, num_classes)[:num_classes]
    right, predicted, true = table.diagonal(), table.sum(0), table.sum(1)
    return torch.stack((right, predicted + true - right, predicted, true))


def mean_of_known(values: np.ndarray) -> float:
    """Average over the classes that have a value; nan if none has.

    >>> mean_of_known(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
