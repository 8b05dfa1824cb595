# SPDX-License-Identifier: Apache-2.0
"""Virtual adversarial perturbation of features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.models.layers.feature_perturbations import Decode, uniform
from rankseg.registry import MODELS


@MODELS.register_module()
class VirtualAdversarial(nn.Module):
    """I-VAT: add a step of length ``radius`` in the direction that changes the output most.

    The direction is found by power iteration: it starts at random and becomes the gradient of the
    divergence that a small step in it causes. It has unit length over all values of an image. The
    search runs in float32, also under autocast, and leaves no gradient at the decoder.

    Args:
        radius: Length of the perturbation; 2.0 in the released code.
        step: Length of the small step, our choice. The released code has 1e-6, which is too small
            for float32 features: each value would change by about 1e-8, so the direction would be
            rounding error.
        iterations: Number of power iterations; 1 in the released code.

    Raises:
        ValueError: If ``iterations`` is below 1.

    Source: CCT (CVPR 2020), section 3.3, after Miyato et al., Virtual Adversarial Training.
    """

    def __init__(self, radius: float = 2.0, step: float = 0.1, iterations: int = 1) -> None:
        super().__init__()
        if iterations < 1:
            raise ValueError(f"VirtualAdversarial(iterations={iterations}): expected 1 or more")
        self.radius, self.step, self.iterations = radius, step, iterations

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see :mod:`rankseg.models.layers.feature_perturbations`."""
        return feature + self.radius * self.direction(feature.detach(), decode).to(feature)

    @torch.enable_grad()
    def direction(self, feature: Tensor, decode: Decode) -> Tensor:
        """Return a unit vector per image, ``(B, C, h, w)`` float32, or zero if nothing changes."""
        with torch.autocast(feature.device.type, enabled=False):
            feature = feature.float()
            wanted = decode(feature).detach().log_softmax(1)
            unit = unit_vectors(uniform(feature, feature.shape, -0.5, 0.5))
            for _ in range(self.iterations):
                unit.requires_grad_()
                found = decode(feature + self.step * unit).log_softmax(1)
                divergence = F.kl_div(found, wanted, reduction="sum", log_target=True)
                (gradient,) = torch.autograd.grad(divergence, unit)
                unit = unit_vectors(gradient)
        return unit


def unit_vectors(values: Tensor) -> Tensor:
    """Scale the values of each image to length 1, however small they are; zero stays zero."""
    flat = values.flatten(1)
    flat = flat / flat.abs().amax(1, keepdim=True).clamp(min=torch.finfo(flat.dtype).tiny)
    return F.normalize(flat).view_as(values)
