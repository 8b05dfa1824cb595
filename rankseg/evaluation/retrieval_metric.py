# SPDX-License-Identifier: Apache-2.0
"""Recall@K and related metrics of embedding networks."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from rankseg.errors import expect
from rankseg.evaluation.classification import true_classes
from rankseg.evaluation.metric import RunMetric
from rankseg.evaluation.notes import names, percent
from rankseg.evaluation.retrieval import cluster_agreement, percentages, retrieval_scores
from rankseg.evaluation.segmentation import COLLECT, NO_IMAGES, OTHERS
from rankseg.registry import METRICS

ROLES = ("query", "gallery")
MOST_CLASSES = 1000  # with more classes, a number for each is not useful
SPLIT = "split/"
"""Prefix of the metrics of queries against a gallery, if the data set has both."""


@METRICS.register_module()
class RetrievalMetric(RunMetric, BaseMetric):
    """Metric of image retrieval by embeddings.

    Every image is a query and all others are its gallery. Reported in percent, as means over the
    queries: ``recall1``, ``recall2``, ... (Recall@K: one of the ``K`` nearest has the class of the
    query), ``r_precision`` and ``map_r``, see
    :class:`~rankseg.evaluation.retrieval.RetrievalScores`. Among equally near images, those of a
    wrong class count as nearer. An image that is the only one of its class is in the gallery but is
    not a query; the log has the number of such images.

    If samples have ``role`` ``"query"`` or ``"gallery"`` in their metainfo, the metrics of the
    queries against the gallery alone are also reported under ``split/``. If they have
    ``student_seg_logits`` or ``teacher_seg_logits`` (see ``Method.predict``), the metrics of that
    network are reported under ``student/`` or ``teacher/``.

    Args:
        topk: Values of ``K``.
        nmi: Also report ``nmi``, the agreement of classes with k-means clusters; this takes minutes
            with thousands of classes.
        per_class: Also report ``recall1/<class>``, over the queries of each class, if there are at
            most 1,000 classes.
        **kwargs: Further arguments of MMEngine's ``BaseMetric``.

    Raises:
        ValueError: If ``topk`` has a number below 1, an image has no class or one that the data set
            does not have, no class has two images, an image does not have one embedding, or an
            embedding is not finite.
    """

    default_prefix = ""

    def __init__(
        self,
        topk: Sequence[int] = (1, 2, 4, 8),
        nmi: bool = False,
        per_class: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**{"collect_device": COLLECT, **kwargs})
        self.topk = tuple(sorted({1, *topk}))
        expect(self.topk[0] >= 1, "topk of RetrievalMetric", "1 or more", tuple(topk))
        self.nmi = nmi
        self.per_class = per_class
        self._logged = False

    def check_dataset(self, dataset: Any) -> None:
        """Check that retrieval can be evaluated on a data set; warn if it has a single class.

        Args:
            dataset: Data set of validation or test, with ``class_ids``.

        Raises:
            ValueError: If no class has two images.
        """
        label = torch.from_numpy(dataset.class_ids())
        count = self._count(label[label >= 0], dataset.metainfo["classes"])
        if (count > 0).sum() == 1 and not dataset.is_part:
            only = names((count > 0).numpy(), dataset.metainfo["classes"])
            print_log(
                f"all {len(label)} images of {dataset.source} are of one class ({only}), so "
                "every retrieved image is correct and every Recall@K is 100. Use images of two or "
                "more classes.",
                level=logging.WARNING,
            )

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Store the class, the role and the embeddings of every image."""
        columns = {"label": true_classes(data_samples, self.dataset_meta["classes"]).tolist()}
        columns["role"] = [sample.get("role") for sample in data_samples]
        for name in ("", *(f"{other}_" for other in OTHERS)):
            if f"{name}seg_logits" in data_samples[0]:
                maps = [sample[f"{name}seg_logits"]["data"] for sample in data_samples]
                columns[name] = list(_rows(maps).float().cpu().numpy())
        rows = zip(*columns.values(), strict=True)
        self.results += [dict(zip(columns, row, strict=True)) for row in rows]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Compute the metrics of all images, in percent.

        Raises:
            ValueError: If there is no image, or no class has two images.
        """
        if not results:
            raise ValueError(NO_IMAGES)
        label = torch.tensor([row["label"] for row in results])
        self._check(label)
        role = np.array([str(row["role"]) for row in results])
        each = self.per_class and len(self.dataset_meta["classes"]) <= MOST_CLASSES
        metrics: dict[str, float] = {}
        for name in ("", *(f"{other}_" for other in OTHERS)):
            if name in results[0]:
                embedding = torch.from_numpy(np.stack([row[name] for row in results]))
                found = self.judge(embedding, label, role, each and not name)
                prefix = name.replace("_", "/")
                metrics |= {f"{prefix}{key}": value for key, value in found.items()}
        return metrics

    def judge(
        self, embedding: Tensor, label: Tensor, role: np.ndarray | None = None, each: bool = False
    ) -> dict[str, float]:
        """Compute the metrics of one network.

        Args:
            embedding: ``(N, D)`` embeddings.
            label: ``(N,)`` int64 classes.
            role: ``(N,)`` roles: ``"query"``, ``"gallery"`` or anything else.
            each: Also report every class.
        """
        rows = embedding.cuda() if torch.cuda.is_available() else embedding
        judged = retrieval_scores(rows, rows, label, label, self.topk, torch.arange(len(rows)))
        metrics = percentages(judged, self.topk)
        ask, give = (torch.from_numpy(np.asarray(role) == name) for name in ROLES)
        if ask.any() and give.any():
            split = retrieval_scores(rows[ask], rows[give], label[ask], label[give], self.topk)
            metrics |= {
                f"{SPLIT}{key}": value for key, value in percentages(split, self.topk).items()
            }
        if self.nmi:
            metrics["nmi"] = percent(cluster_agreement(embedding, label))
        if each:
            first, classes = judged.hits[:, self.topk.index(1)], self.dataset_meta["classes"]
            for k in label[judged.relevant > 0].unique().tolist():
                metrics[f"recall1/{classes[k]}"] = percent(first[label == k].double().mean())
        return metrics

    def _check(self, label: Tensor) -> None:
        """Log the classes with a single image, once; raise if no class has two."""
        alone = (self._count(label, self.dataset_meta["classes"]) == 1).numpy()
        if alone.any() and not self._logged:
            self._logged = True
            which = names(alone, self.dataset_meta["classes"])
            print_log(
                f"{alone.sum()} of {len(label)} images are the only one of their class ({which}): "
                "they are not used as queries",
                "current",
            )

    @staticmethod
    def _count(label: Tensor, classes: Sequence[str]) -> Tensor:
        """Count the images of every class, and check that one class has two."""
        count = torch.bincount(label, minlength=len(classes))
        if (count < 2).all():
            raise ValueError(
                "Expected two or more validation images per class, so that a query can find an "
                "image of its class, but no class has two."
            )
        return count


def _rows(maps: Sequence[Tensor]) -> Tensor:
    """Stack the embeddings ``(D, 1, 1)`` of a batch to ``(B, D)``."""
    shape = tuple(maps[0].shape)
    if len(shape) != 3 or shape[1:] != (1, 1):
        raise ValueError(
            "Expected seg_logits of an image to be one embedding of shape (D, 1, 1) for "
            f"RetrievalMetric, but got the shape {shape}. Use EmbeddingHead."
        )
    return torch.stack(list(maps)).flatten(1)
