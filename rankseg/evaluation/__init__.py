# SPDX-License-Identifier: Apache-2.0
"""Metrics of segmentation, classification, retrieval and features."""

from rankseg.evaluation.classification import ClassificationMetric
from rankseg.evaluation.features import knn_classify
from rankseg.evaluation.retrieval_metric import RetrievalMetric
from rankseg.evaluation.segmentation import SegmentationMetric

__all__ = ["ClassificationMetric", "RetrievalMetric", "SegmentationMetric", "knn_classify"]
