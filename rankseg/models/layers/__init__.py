# SPDX-License-Identifier: Apache-2.0
"""Small layers and modules that methods add to a network."""

from rankseg.models.layers.adaptive_threshold import AdaptiveThreshold
from rankseg.models.layers.batch_norm import (
    SyncBatchNorm,
    convert_sync_batch_norm,
    frozen_statistics,
)
from rankseg.models.layers.cbam import CBAM
from rankseg.models.layers.perturbations import (
    ChannelDropout,
    FeatureDrop,
    FeatureNoise,
    GuidedCutout,
    MaskContext,
    MaskObjects,
    PerturbedFeatures,
    VirtualAdversarial,
)
from rankseg.models.layers.positions import at_positions
from rankseg.models.layers.projector import Projector
from rankseg.models.layers.quality import PseudoLabelQuality
from rankseg.models.layers.spatial_assembly import SpatialAssembly, assemble, doubly_normalized
from rankseg.models.layers.standardized import StandardizedLayer
from rankseg.models.layers.subpixel_decoder import SubpixelDecoder
from rankseg.models.layers.taps import FeatureTap, find_module

__all__ = [
    "AdaptiveThreshold",
    "CBAM",
    "ChannelDropout",
    "FeatureDrop",
    "FeatureNoise",
    "FeatureTap",
    "GuidedCutout",
    "MaskContext",
    "MaskObjects",
    "PerturbedFeatures",
    "Projector",
    "PseudoLabelQuality",
    "SpatialAssembly",
    "StandardizedLayer",
    "SubpixelDecoder",
    "SyncBatchNorm",
    "VirtualAdversarial",
    "assemble",
    "at_positions",
    "convert_sync_batch_norm",
    "doubly_normalized",
    "find_module",
    "frozen_statistics",
]
