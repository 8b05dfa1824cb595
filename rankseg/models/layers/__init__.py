# SPDX-License-Identifier: Apache-2.0
"""Small parts that methods put around a network."""

from rankseg.models.layers.perturb import PerturbedFeatures
from rankseg.models.layers.projector import Projector
from rankseg.models.layers.quality import PseudoLabelQuality
from rankseg.models.layers.sync_batch_norm import SyncBatchNorm, convert_sync_batch_norm
from rankseg.models.layers.taps import FeatureTap, find_module

__all__ = [
    "FeatureTap",
    "PerturbedFeatures",
    "Projector",
    "PseudoLabelQuality",
    "SyncBatchNorm",
    "convert_sync_batch_norm",
    "find_module",
]
