# SPDX-License-Identifier: Apache-2.0
"""Losses and miners of pytorch-metric-learning, usable in configs like our own."""

from collections.abc import Mapping

from pytorch_metric_learning import distances, losses, miners
from torch import nn

from rankseg.registry import MODELS

NAMES = {
    losses: (
        *("CircleLoss", "ContrastiveLoss", "MultiSimilarityLoss", "NTXentLoss", "ProxyAnchorLoss"),
        *("ProxyNCALoss", "SupConLoss", "TripletMarginLoss"),
    ),
    miners: ("BatchHardMiner", "MultiSimilarityMiner", "PairMarginMiner", "TripletMarginMiner"),
    distances: ("CosineSimilarity", "DotProductSimilarity", "LpDistance"),
}
for package, names in NAMES.items():
    for name in names:
        MODELS.register_module(name, module=getattr(package, name))


def build_metric(config: Mapping) -> nn.Module:
    """Build a loss or a miner, including options with a ``type``, such as ``distance``.

    Args:
        config: ``dict(type="ContrastiveLoss", distance=dict(type="CosineSimilarity"))``.

    Raises:
        KeyError: If a name is not registered.
    """
    options = {
        key: build_metric(value) if isinstance(value, Mapping) and "type" in value else value
        for key, value in config.items()
    }
    return MODELS.build(options)


def takes_references(loss: nn.Module) -> bool:
    """Return whether a loss can compare a batch with other embeddings, such as a memory."""
    return type(loss).__name__ in losses.CrossBatchMemory.supported_losses()
