# SPDX-License-Identifier: Apache-2.0
"""Hidden layer on features that are standardized with the statistics of a whole data set."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.registry import MODELS

EPSILON = 1e-5


@MODELS.register_module()
class StandardizedLayer(nn.Module):
    """Hidden layer: scale to length 1, standardize, then linear, batch norm and ReLU.

    The mean and variance of the standardization are constants, which
    :class:`~rankseg.engine.hooks.FeatureStatisticsHook` computes from the labeled images before
    training. Until then they are 0 and 1. Together with a linear classifier
    (``decode_head.classify`` names the branch) this is the classifier that CMSF fine-tunes.

    Args:
        in_channels: Size of the input feature.
        out_channels: Size of the output.

    Shape:
        - input: ``(B, in_channels)``
        - output: ``(B, out_channels)``

    Source: CMSF (ECCV 2022), released code.
    """

    mean: Tensor
    variance: Tensor
    fitted: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.register_buffer("mean", torch.zeros(in_channels))
        self.register_buffer("variance", torch.ones(in_channels))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))
        self.layers = nn.Sequential(
            nn.Linear(in_channels, out_channels),
            nn.BatchNorm1d(out_channels),
            nn.ReLU(inplace=True),
        )

    @torch.no_grad()
    def fit(self, feature: Tensor) -> None:
        """Set the statistics to those of ``(N, in_channels)`` features, at least two."""
        variance, mean = torch.var_mean(F.normalize(feature.float(), dim=1), 0)
        self.mean.copy_(mean)
        self.variance.copy_(variance)
        self.fitted.fill_(True)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize, standardize and project."""
        x = F.normalize(x.float(), dim=1)
        return self.layers((x - self.mean) * (self.variance + EPSILON).rsqrt())
