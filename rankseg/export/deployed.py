# SPDX-License-Identifier: Apache-2.0
"""Wrapper that makes a segmentor a function of an image only, for export."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Deployed(nn.Module):
    """Network with optional normalization, which returns logits or classes.

    Args:
        network: An mmseg segmentor in eval mode. It processes the whole image at once, even if its
            ``test_cfg`` uses sliding windows.
        image_level: Whether it is a classifier, see :class:`~rankseg.models.heads.ImageLevelHead`.
        normalize: Mean and standard deviation of R, G, B in gray levels, 0 to 255, to normalize
            raw images; None if the input is already normalized.
        argmax: Return the most likely class instead of logits.

    Shape:
        - image: normalized ``(B, 3, H, W)`` float32; otherwise ``(B, H, W, 3)`` uint8
        - output: logits ``(B, K, H, W)``, or ``(B, K)`` for a classifier; with ``argmax`` classes
          ``(B, H, W)``, or ``(B,)``, as uint8 for up to 256 classes, otherwise int64
    """

    def __init__(
        self,
        network: nn.Module,
        image_level: bool = False,
        normalize: tuple[Sequence[float], Sequence[float]] | None = None,
        argmax: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.image_level = image_level
        self.raw = normalize is not None
        self.argmax = argmax
        for name, values in zip(("mean", "std"), normalize or ((), ()), strict=True):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits or classes."""
        if self.raw:
            image = (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
        logits = self.network.encode_decode(image, [{"img_shape": image.shape[2:]}])
        if self.image_level:
            logits = logits.flatten(1)
        if not self.argmax:
            return logits
        return logits.argmax(1).to(torch.uint8 if logits.shape[1] <= 256 else torch.int64)
