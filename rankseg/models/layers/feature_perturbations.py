# SPDX-License-Identifier: Apache-2.0
"""Perturbations of features that need nothing but the features: noise and dropping.

Perturbations of cross-consistency training have one form: ``perturb(feature, classes, decode)`` of
``(B, C, h, w)`` features, the classes that the main decoder predicts, ``(B, K, h, w)`` bool with
one true entry per position, and the decoder that will see the result. Every image is perturbed by
draws of its own.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rankseg.registry import MODELS

Decode = Callable[[Tensor], Tensor]


def uniform(like: Tensor, shape: Sequence[int], low: float, high: float) -> Tensor:
    """Random numbers on the device and of the type of a tensor."""
    return torch.empty(tuple(shape), device=like.device, dtype=like.dtype).uniform_(low, high)


@MODELS.register_module()
class FeatureNoise(nn.Module):
    """F-Noise: every value is scaled by ``1 + U(-bound, bound)``.

    Args:
        bound: Published: 0.3.

    Source: CCT (CVPR 2020), section 3.3. The released code draws once for all images of a batch.
    """

    def __init__(self, bound: float = 0.3) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb; see the module."""
        return feature * (1 + uniform(feature, feature.shape, -self.bound, self.bound))


@MODELS.register_module()
class FeatureDrop(nn.Module):
    """F-Drop: positions where the features are strongest are set to zero.

    Those of which the mean over channels reaches a share U(low, high) of the largest in the image.

    Args:
        low: Published: 0.6.
        high: Published: 0.9.

    Source: CCT (CVPR 2020), section 3.3. The released code draws one share for a batch.
    """

    def __init__(self, low: float = 0.6, high: float = 0.9) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb; see the module."""
        strength = feature.mean(1, keepdim=True)
        share = uniform(feature, (len(feature), 1, 1, 1), self.low, self.high)
        return feature * (strength < share * strength.amax((2, 3), keepdim=True))


@MODELS.register_module()
class ChannelDropout(nn.Module):
    """DropOut: whole channels are set to zero, the others scaled up.

    Args:
        rate: Share of channels, in ``[0, 1)``; released: 0.5, over whole channels.

    Raises:
        ValueError: If ``rate`` is outside.

    Source: CCT (CVPR 2020), section 3.3.
    """

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"ChannelDropout(rate={rate}): expected at least 0 and below 1")
        self.rate = rate

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb; see the module."""
        kept = uniform(feature, (*feature.shape[:2], 1, 1), 0, 1) >= self.rate
        return feature * kept / (1 - self.rate)
