# SPDX-License-Identifier: Apache-2.0
"""A segmentor as a function of an image alone, to be exported."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Deployed(nn.Module):
    """Normalisation where wanted, the network, and logits or classes.

    Args:
        network: An mmseg segmentor in eval mode. It sees the image in one piece, also where its
            ``test_cfg`` says windows.
        image_level: It is a classifier, see :class:`~rankseg.models.heads.ImageLevelHead`.
        normalise: Mean and standard deviation of R, G, B in grey levels, 0 to 255, if images
            come as they are read; None if they come normalised.
        argmax: Return the most likely class, not logits.

    Shape:
        - image: normalised ``(B, 3, H, W)`` float32; else ``(B, H, W, 3)`` uint8
        - output: logits ``(B, K, H, W)``, or of a classifier ``(B, K)``; with ``argmax`` classes
          ``(B, H, W)``, or ``(B,)``, uint8 where 256 suffice, else int64
    """

    def __init__(
        self,
        network: nn.Module,
        image_level: bool = False,
        normalise: tuple[Sequence[float], Sequence[float]] | None = None,
        argmax: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.image_level = image_level
        self.raw = normalise is not None
        self.argmax = argmax
        for name, values in zip(("mean", "std"), normalise or ((), ()), strict=True):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Logits, or classes."""
        if self.raw:
            image = (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
        logits = self.network.encode_decode(image, [{"img_shape": image.shape[2:]}])
        if self.image_level:
            logits = logits.flatten(1)
        if not self.argmax:
            return logits
        return logits.argmax(1).to(torch.uint8 if logits.shape[1] <= 256 else torch.int64)
