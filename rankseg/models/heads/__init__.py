# SPDX-License-Identifier: Apache-2.0
"""Decode heads, which turn feature maps into logits."""

from .deeplabv3plus import ASPP, DeepLabV3PlusHead
from .dpt import LightDPTHead
from .embedding import EmbeddingHead
from .image_level import ImageLevelHead
from .linear import LinearHead

__all__ = [
    "ASPP",
    "LightDPTHead",
    "DeepLabV3PlusHead",
    "EmbeddingHead",
    "ImageLevelHead",
    "LinearHead",
]
