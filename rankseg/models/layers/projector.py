# SPDX-License-Identifier: Apache-2.0
"""Projection of a feature to an embedding or to a second output."""

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm as apply_weight_norm

from rankseg.errors import expect
from rankseg.registry import MODELS


@MODELS.register_module()
class Projector(nn.Module):
    """Multilayer perceptron with ReLU between its linear layers.

    Args:
        in_channels: Size of the input feature.
        out_channels: Size of the output.
        hidden_channels: Size of the hidden layers; ``in_channels`` by default.
        layers: Number of linear layers; 1 is a plain linear map.
        norm: Apply batch normalization before every ReLU.
        normalize: Scale the output to length 1; it is then float32, also under autocast.
        weight_norm: Apply weight normalization to every linear layer.

    Shape:
        - input: ``(B, in_channels)``
        - output: ``(B, out_channels)``

    Raises:
        ValueError: If ``layers`` is below 1.

    Source: SimMatch (CVPR 2022), section 3.4, two layers, normalized; CMSF (ECCV 2022), two layers
        with ``norm`` and without ``normalize``; Mean Teacher's second output, one layer.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int | None = None,
        layers: int = 2,
        norm: bool = False,
        normalize: bool = True,
        weight_norm: bool = False,
    ) -> None:
        super().__init__()
        expect(layers >= 1, "layers of Projector", "1 or more", layers)
        self.out_channels = out_channels
        self.normalize = normalize
        hidden = hidden_channels or in_channels
        sizes = [in_channels, *[hidden] * (layers - 1), out_channels]
        parts: list[nn.Module] = []
        for number, (before, after) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
            linear = nn.Linear(before, after)
            parts.append(apply_weight_norm(linear) if weight_norm else linear)
            if number < layers:
                parts += [nn.BatchNorm1d(after)] * norm + [nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        """Project, then normalize if ``normalize`` is set."""
        x = self.layers(x)
        return F.normalize(x.float(), dim=1) if self.normalize else x
