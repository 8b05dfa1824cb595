# SPDX-License-Identifier: Apache-2.0
"""Segmentors that extend those of mmseg, and checks of any segmentor that becomes a student."""

from rankseg.models.segmentors.ensemble import MeanSegmentor
from rankseg.models.segmentors.extended_segmentor import ExtendedSegmentor

__all__ = ["ExtendedSegmentor", "MeanSegmentor"]
