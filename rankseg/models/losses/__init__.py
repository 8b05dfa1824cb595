# SPDX-License-Identifier: Apache-2.0
"""Losses: pure functions on tensors, with a thin module for those that have options."""

from rankseg.models.losses.agents import orthogonal_agents
from rankseg.models.losses.attention_consistency import attention_consistency, keypoint_mask
from rankseg.models.losses.consistency import (
    pixel_consistency,
    probability_consistency,
    soft_cross_entropy,
    soft_squared_error,
)
from rankseg.models.losses.discriminative import discriminative_loss
from rankseg.models.losses.focal import FocalLoss
from rankseg.models.losses.info_nce import info_nce
from rankseg.models.losses.mean_shift import mean_shift, nearest
from rankseg.models.losses.metric import contrastive_clustering, pair_distance
from rankseg.models.losses.ohem import OhemCrossEntropy, OhemCrossEntropyLoss
from rankseg.models.losses.plackett_luce import plackett_luce_kl
from rankseg.models.losses.prototypes import prototype_loss
from rankseg.models.losses.rank_correlation import RankCorrelationLoss
from rankseg.models.losses.similarity import similarity_targets
from rankseg.models.losses.spatial_assembly import (
    assembly_correlation,
    assembly_entropy,
    local_coherence,
)
from rankseg.models.losses.supervised_contrast import supervised_contrast
from rankseg.models.losses.swav import sinkhorn_codes, swapped_prediction

__all__ = [
    "FocalLoss",
    "OhemCrossEntropy",
    "OhemCrossEntropyLoss",
    "RankCorrelationLoss",
    "assembly_correlation",
    "assembly_entropy",
    "attention_consistency",
    "contrastive_clustering",
    "discriminative_loss",
    "info_nce",
    "keypoint_mask",
    "local_coherence",
    "mean_shift",
    "nearest",
    "orthogonal_agents",
    "pair_distance",
    "pixel_consistency",
    "plackett_luce_kl",
    "probability_consistency",
    "prototype_loss",
    "similarity_targets",
    "sinkhorn_codes",
    "soft_cross_entropy",
    "soft_squared_error",
    "supervised_contrast",
    "swapped_prediction",
]
