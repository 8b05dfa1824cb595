# SPDX-License-Identifier: Apache-2.0
"""Accuracy of classifiers, overall, per class and for every network that predicts."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from prettytable import PrettyTable

from rankseg.evaluation.metric import RunMetric
from rankseg.evaluation.notes import ClassNotes, percent, warn_not_finite
from rankseg.evaluation.segmentation import COLLECT, NO_IMAGES, OTHERS
from rankseg.registry import METRICS

TABLE_CLASSES = 20  # a confusion matrix of more classes does not fit a terminal


@METRICS.register_module()
class ClassificationMetric(RunMetric, BaseMetric):
    """Metric of top-k accuracy of image classification.

    Reported in percent: ``top1``, ``top5`` if there are more than five classes, and ``mean_class``,
    the mean of the accuracies of the classes. If samples carry ``student_sem_seg`` or
    ``teacher_sem_seg`` (see ``Method.predict``), ``top1`` and ``mean_class`` are also reported
    under ``student/`` or ``teacher/``.

    Args:
        topk: Values of k. Those that are not below the number of classes are left out.
        per_class: Also return ``top1/<class>``.
        **kwargs: Further arguments of MMEngine's ``BaseMetric``.

    Attributes:
        confusion: ``(K, K)`` int64 confusion matrix of the last evaluation, true classes by row and
            predicted classes by column, on the main process. Printed for up to 20 classes.

    Raises:
        ValueError: If an image has no class, or one that the data set does not have.
    """

    default_prefix = ""

    def __init__(self, topk: Sequence[int] = (1, 5), per_class: bool = False, **kwargs) -> None:
        super().__init__(**{"collect_device": COLLECT, **kwargs})
        self.topk = tuple(topk)
        self.per_class = per_class
        self.notes = ClassNotes("image")

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Store the class of every image, its rank and the predictions of each network."""
        truth = true_classes(data_samples, self.dataset_meta["classes"])
        logits = torch.stack([sample["seg_logits"]["data"].flatten() for sample in data_samples])
        order = logits.argsort(dim=1, descending=True, stable=True).cpu()
        columns = {"truth": truth, "place": (order == truth[:, None]).int().argmax(1)}
        columns["lost"] = logits.isfinite().logical_not_().sum(1).cpu()
        for name in ("pred", *OTHERS):
            if f"{name}_sem_seg" in data_samples[0]:
                maps = [sample[f"{name}_sem_seg"]["data"].flatten() for sample in data_samples]
                columns[name] = torch.cat(maps).cpu()
        rows = torch.stack([column.long() for column in columns.values()], dim=1).tolist()
        paths = [str(sample.get("img_path", "(no img_path)")) for sample in data_samples]
        self.results += [
            {**dict(zip(columns, row, strict=True)), "path": path}
            for row, path in zip(rows, paths, strict=True)
        ]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Compute the metrics of all images, in percent.

        Raises:
            ValueError: If there is no image.
        """
        if not results:
            raise ValueError(NO_IMAGES)
        warn_not_finite(
            [row["lost"] for row in results], [row["path"] for row in results], "classes"
        )
        classes = self.dataset_meta["classes"]
        columns = {name: np.array([row[name] for row in results]) for name in results[0]}
        metrics: dict[str, float] = {}
        for name in ("pred", *OTHERS):
            if name not in columns:
                continue
            confusion = np.zeros((len(classes), len(classes)), np.int64)
            np.add.at(confusion, (columns["truth"], columns[name]), 1)
            prefix = "" if name == "pred" else f"{name}/"
            metrics |= {f"{prefix}{key}": value for key, value in accuracy(confusion).items()}
            if name == "pred":
                self.confusion = confusion
                metrics |= {
                    f"top{k}": percent((columns["place"] < k).mean())
                    for k in self.topk
                    if 1 < k < len(classes)
                }
        if self.per_class:
            metrics |= {f"top1/{classes[k]}": v for k, v in class_accuracy(self.confusion).items()}
        if len(classes) <= TABLE_CLASSES:
            print_log(f"images by true and predicted class:\n{self.table()}", "current")
        self.notes.say(self.confusion.sum(1), self.confusion.sum(0), classes)
        return metrics

    def table(self) -> str:
        """Return the number of images by true and predicted class as a table."""
        classes = list(self.dataset_meta["classes"])
        table = PrettyTable(["true \\ predicted", *[f"{k} {c}" for k, c in enumerate(classes)]])
        for name, row in zip(classes, self.confusion.tolist(), strict=True):
            table.add_row([name, *row])
        return table.get_string()


def true_classes(samples: Sequence[dict], classes: Sequence[str]) -> torch.Tensor:
    """Return the classes of a batch of samples, ``(B,)`` int64 on the CPU."""
    bare = [sample for sample in samples if "gt_sem_seg" not in sample]
    if bare:
        raise ValueError(
            f"Expected every image of a validation or test list to have a class, but "
            f"{_name(bare[0])} has no class."
        )
    truth = torch.cat([sample["gt_sem_seg"]["data"].flatten() for sample in samples]).cpu()
    for i in ((truth < 0) | (truth >= len(classes))).nonzero()[:1]:
        raise ValueError(
            f"Expected the class of {_name(samples[i])} to be 0 to {len(classes) - 1} "
            f"({', '.join(classes[:5])}, ...), but got {int(truth[i])}."
        )
    return truth


def class_accuracy(confusion: np.ndarray) -> dict[int, float]:
    """Compute the accuracy of every class that has images, in percent.

    >>> class_accuracy(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]))
    {0: 75.0, 1: 100.0}
    """
    total = confusion.sum(1)
    return {int(k): percent(confusion[k, k] / total[k]) for k in np.flatnonzero(total)}


def accuracy(confusion: np.ndarray) -> dict[str, float]:
    """Compute ``top1`` and ``mean_class`` in percent from a confusion matrix ``(K, K)``.

    >>> accuracy(np.array([[3, 1], [0, 1]]))
    {'top1': 80.0, 'mean_class': 87.5}
    """
    total = confusion.sum(1)
    shares = confusion.diagonal()[total > 0] / total[total > 0]
    return {
        "top1": percent(confusion.trace() / total.sum()),
        "mean_class": percent(shares.mean()),
    }


def _name(sample: dict) -> str:
    return f"image {sample.get('img_path', '(no img_path)')}"
