# SPDX-License-Identifier: Apache-2.0
"""Small parts that methods put around a network."""

from rankseg.models.layers.cbam import CBAM
from rankseg.models.layers.class_balance import ClassThreshold, DistributionAlignment
from rankseg.models.layers.feature_perturbations import ChannelDropout, FeatureDrop, FeatureNoise
from rankseg.models.layers.guided_perturbations import GuidedCutout, MaskContext, MaskObjects
from rankseg.models.layers.perturb import PerturbedFeatures
from rankseg.models.layers.positions import at_positions
from rankseg.models.layers.projector import Projector
from rankseg.models.layers.quality import PseudoLabelQuality
from rankseg.models.layers.spatial_assembly import SpatialAssembly, assemble, doubly_normalised
from rankseg.models.layers.statistics import frozen_statistics
from rankseg.models.layers.subpixel_decoder import SubpixelDecoder
from rankseg.models.layers.sync_batch_norm import SyncBatchNorm, convert_sync_batch_norm
from rankseg.models.layers.taps import FeatureTap, find_module
from rankseg.models.layers.virtual_adversarial import VirtualAdversarial

__all__ = [
    "CBAM",
    "ChannelDropout",
    "ClassThreshold",
    "DistributionAlignment",
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
    "SubpixelDecoder",
    "SyncBatchNorm",
    "VirtualAdversarial",
    "assemble",
    "at_positions",
    "convert_sync_batch_norm",
    "doubly_normalised",
    "find_module",
    "frozen_statistics",
]
