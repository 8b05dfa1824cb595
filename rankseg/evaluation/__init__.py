# SPDX-License-Identifier: Apache-2.0
"""Metrics."""

from rankseg.evaluation.segmentation import SegmentationMetric

__all__ = ["SegmentationMetric"]
