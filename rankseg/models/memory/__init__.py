# SPDX-License-Identifier: Apache-2.0
"""Memory banks of methods: buffers that are saved, restored and shared by processes."""

from rankseg.models.memory.bank import DistributionQueue, FeatureBank, gather_rows
from rankseg.models.memory.embeddings import Clusters, EmbeddingMemory
from rankseg.models.memory.mean_shift import MeanShiftMemory, PreviousFeatures, Targets
from rankseg.models.memory.pool import DiscoveredPool

__all__ = [
    "Clusters",
    "DiscoveredPool",
    "DistributionQueue",
    "EmbeddingMemory",
    "FeatureBank",
    "MeanShiftMemory",
    "PreviousFeatures",
    "Targets",
    "gather_rows",
]
