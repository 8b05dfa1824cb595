# SPDX-License-Identifier: Apache-2.0
"""Embedding network as a decode head, whose "logits" are the embedding of the image."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F

from rankseg.models.heads.image_level import ImageLevelHead
from rankseg.registry import MODELS


@MODELS.register_module()
class EmbeddingHead(ImageLevelHead):
    """Decode head that pools a feature map and maps it linearly to an embedding of length 1.

    Pooling and the linear layer run in float32 even if the network runs in bfloat16, which cannot
    resolve the differences between similar embeddings. With this head, a segmentor is an embedding
    network: it returns the embedding instead of logits, with one channel per dimension. The head
    has no classes, so it can be trained on some classes and tested on others. The pooled feature is
    tapped as ``decode_head.pool``, as in the base class.

    Args:
        in_channels: Channels ``C`` of the feature map.
        channels: Length ``D`` of the embedding.
        **kwargs: Further arguments of :class:`~rankseg.models.heads.ImageLevelHead`, such as
            ``pool`` and ``dropout_ratio``, except those about classes.

    Shape:
        - inputs: feature maps of the backbone; the one at ``in_index`` is ``(B, C, H, W)``
        - output: ``(B, D, 1, 1)`` float32, of length 1 along ``D``

    Source: Chapter 4 of the dissertation, section 4.4.2 ("a fully connected layer is then added on
        the top of the network as the embedding layer").
    """

    def __init__(self, in_channels: int, channels: int = 512, **kwargs) -> None:
        super().__init__(in_channels, channels, **kwargs)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the embedding."""
        inputs = list(inputs)
        inputs[self.in_index] = feature = inputs[self.in_index].float()
        device = feature.device.type  # "meta", which has no autocast, when shapes are checked
        known = torch.amp.is_autocast_available(device)
        with torch.autocast(device, enabled=False) if known else nullcontext():
            return F.normalize(super().forward(inputs), dim=1)
