# SPDX-License-Identifier: Apache-2.0
"""Feature perturbations that need only the features: noise and dropping.

All perturbations of cross-consistency training are called as ``perturb(feature, classes, decode)``:
features ``(B, C, h, w)``, the classes that the main decoder predicts, ``(B, K, h, w)`` bool with
one true entry per position, and the decoder that reads the perturbed features. Random numbers are
drawn for each image separately.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rankseg.registry import MODELS

Decode = Callable[[Tensor], Tensor]


def uniform(like: Tensor, shape: Sequence[int], low: float, high: float) -> Tensor:
    """Return random numbers with the device and dtype of a tensor."""
    return torch.empty(tuple(shape), device=like.device, dtype=like.dtype).uniform_(low, high)


@MODELS.register_module()
class FeatureNoise(nn.Module):
    """F-Noise: multiply every value by ``1 + U(-bound, bound)``.

    Args:
        bound: Largest relative change of a value; 0.3 in the paper.

    Source: CCT (CVPR 2020), section 3.3. The released code draws once for all images of a batch.
    """

    def __init__(self, bound: float = 0.3) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see the module for the arguments."""
        return feature * (1 + uniform(feature, feature.shape, -self.bound, self.bound))


@MODELS.register_module()
class FeatureDrop(nn.Module):
    """F-Drop: set the positions with the strongest features to zero.

    A position is dropped if its mean over channels reaches a share U(low, high) of the largest mean
    in the image.

    Args:
        low: Lower bound of the share; 0.6 in the paper.
        high: Upper bound of the share; 0.9 in the paper.

    Source: CCT (CVPR 2020), section 3.3. The released code draws one share for a batch.
    """

    def __init__(self, low: float = 0.6, high: float = 0.9) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see the module for the arguments."""
        strength = feature.mean(1, keepdim=True)
        share = uniform(feature, (len(feature), 1, 1, 1), self.low, self.high)
        return feature * (strength < share * strength.amax((2, 3), keepdim=True))


@MODELS.register_module()
class ChannelDropout(nn.Module):
    """DropOut: set whole channels to zero and scale up the others.

    Args:
        rate: Probability that a channel is dropped, in ``[0, 1)``; 0.5 in the released code, which
            also drops whole channels.

    Raises:
        ValueError: If ``rate`` is outside this range.

    Source: CCT (CVPR 2020), section 3.3.
    """

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"ChannelDropout(rate={rate}): expected at least 0 and below 1")
        self.rate = rate

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see the module for the arguments."""
        kept = uniform(feature, (*feature.shape[:2], 1, 1), 0, 1) >= self.rate
        return feature * kept / (1 - self.rate)
