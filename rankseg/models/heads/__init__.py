# SPDX-License-Identifier: Apache-2.0
"""Decode heads, which turn feature maps into logits."""

from .deeplabv3plus import ASPP, DeepLabV3PlusHead
from .embedding import EmbeddingHead
from .image_level import ImageLevelHead

__all__ = ["ASPP", "DeepLabV3PlusHead", "EmbeddingHead", "ImageLevelHead"]
