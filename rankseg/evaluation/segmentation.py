# SPDX-License-Identifier: Apache-2.0
"""mIoU, Dice and accuracy, per class and overall, for every network that predicted."""

from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log
from mmseg.evaluation import IoUMetric
from prettytable import PrettyTable
from torch import Tensor

from rankseg.datasets.masks import check_values
from rankseg.evaluation.notes import ClassNotes, cell
from rankseg.registry import METRICS

OTHERS = ("student", "teacher")
COLLECT = "gpu"  # mmengine's name for "by messages", also without a GPU; "cpu" is by files in "."

NO_IMAGES = (
    "the validation set gave no image to evaluate: look at the list in "
    "val_dataloader.dataset.ann_file"
)


@METRICS.register_module()
class SegmentationMetric(IoUMetric):
    """mmseg's ``IoUMetric`` that also reports each class and the other network.

    Reported in percent: ``mIoU``, ``mDice``, ``mAcc``, ``aAcc``, and ``IoU/<class>``,
    ``Dice/<class>``, ``Acc/<class>``. A class that neither prediction nor ground truth contains has
    no IoU and stays out of the means; one that is predicted but nowhere true has an IoU of 0.
    Without a labelled pixel all are nan. What is missing is said in the log. Where samples carry
    ``student_sem_seg`` or ``teacher_sem_seg`` (see ``Method.predict``), the same numbers come under
    ``student/`` or ``teacher/``.

    Args:
        per_class: Report each class in the returned numbers, not only in the table.
        **kwargs: Of mmseg's ``IoUMetric``.
    """

    def __init__(self, per_class: bool = False, **kwargs) -> None:
        super().__init__(**{"iou_metrics": ["mIoU", "mDice"], "collect_device": COLLECT, **kwargs})
        self.per_class = per_class
        self.notes = ClassNotes("pixel")

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch of predictions.

        Raises:
            ValueError: If a truth holds a value that is no class and not the label to ignore.
        """
        num_classes = len(self.dataset_meta["classes"])
        for sample in data_samples:
            areas = {}
            self._check_truth(sample)
            for name in ("pred", *OTHERS):
                if f"{name}_sem_seg" in sample:
                    predicted = sample[f"{name}_sem_seg"]["data"].squeeze()
                    truth = sample["gt_sem_seg"]["data"].squeeze().to(predicted)
                    areas[name] = self.intersect_and_union(
                        predicted, truth, num_classes, self.ignore_index
                    )
            self.results.append(areas)

    def _check_truth(self, sample: dict) -> None:
        """Look at the truth's largest value but the ignored one; at all of them if it is wrong."""
        truth: Tensor = sample["gt_sem_seg"]["data"]
        classes = self.dataset_meta["classes"]
        if truth.masked_fill(truth == self.ignore_index, 0).max() >= len(classes):
            path = f"of image {sample.get('img_path', '(no img_path)')}"
            check_values(truth.unique().cpu().numpy(), classes, path, self.ignore_index)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Numbers of all images together, in percent.

        Raises:
            ValueError: If there is no image.
        """
        if not results:
            raise ValueError(NO_IMAGES)
        metrics = {}
        for name in results[0]:
            # in double precision: pixels of a set are more than float32 counts one by one
            parts = zip(*(result[name] for result in results), strict=True)
            totals = [sum(part.double() for part in some) for some in parts]
            values = self.total_area_to_metrics(*totals, self.metrics, self.nan_to_num, self.beta)
            values = {key: 100 * np.asarray(value) for key, value in values.items()}
            prefix = "" if name == "pred" else f"{name}/"
            if len(results[0]) > 1:
                print_log(
                    "the other network:" if prefix else "the network that predicts:", "current"
                )
            overall = {"aAcc": float(values.pop("aAcc"))}
            overall |= {f"m{key}": mean_of_known(value) for key, value in values.items()}
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
        """IoU, Dice and accuracy of every class that has one."""
        return {
            f"{key}/{label}": round(float(value), 2)
            for key in ("IoU", "Dice", "Acc")
            for label, value in zip(self.dataset_meta["classes"], values[key], strict=True)
            if value == value
        }


def mean_of_known(values: np.ndarray) -> float:
    """Mean over the classes that have a value; nan if none has.

    >>> mean_of_known(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
