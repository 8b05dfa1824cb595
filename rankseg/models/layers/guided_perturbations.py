# SPDX-License-Identifier: Apache-2.0
"""Perturbations of features guided by a prediction: objects or their surroundings are removed.

Their form is that of :mod:`rankseg.models.layers.feature_perturbations`. ``background`` is the
class that is no object, 0 as in the released code of CCT; None where every class is one.
"""

import torch
from torch import Tensor, nn

from rankseg.models.layers.feature_perturbations import Decode, uniform
from rankseg.registry import MODELS


def objects_of(classes: Tensor, background: int | None) -> Tensor:
    """Where an object is predicted: ``(B, 1, h, w)`` bool."""
    if background is None:
        return classes.any(1, keepdim=True)
    return ~classes[:, background : background + 1]


@MODELS.register_module()
class MaskObjects(nn.Module):
    """Obj-Msk: features of objects are set to zero.

    Args:
        background: See the module.

    Source: CCT (CVPR 2020), section 3.3.
    """

    def __init__(self, background: int | None = 0) -> None:
        super().__init__()
        self.background = background

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb; see the module."""
        return feature * ~objects_of(classes, self.background)


@MODELS.register_module()
class MaskContext(MaskObjects):
    """Con-Msk: features of all but objects are set to zero.

    Args:
        background: See the module.

    Source: CCT (CVPR 2020), section 3.3.
    """

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb; see the module."""
        return feature * objects_of(classes, self.background)


@MODELS.register_module()
class GuidedCutout(nn.Module):
    """G-Cutout: a box inside the bounding box of what is predicted of a class is set to zero.

    One for every class of an image. The paper takes the bounding box of every connected object,
    in the released code of those with more than 50 points of contour: to find them, features would
    have to go to the host and back in every step. Positions are those of the features, not pixels.

    Args:
        erase: Height and width of the box, as a share of the bounding box; released: 0.4.
        background: See the module.

    Raises:
        ValueError: If ``erase`` is outside ``(0, 1]``.

    Source: CCT (CVPR 2020), section 3.3.
    """

    def __init__(self, erase: float = 0.4, background: int | None = 0) -> None:
        super().__init__()
        if not 0 < erase <= 1:
            raise ValueError(f"GuidedCutout(erase={erase}): expected a share above 0, at most 1")
        self.erase = erase
        self.background = background

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb; see the module."""
        classes = classes & objects_of(classes, self.background)
        rows = self._inside(classes.any(3))
        columns = self._inside(classes.any(2))
        box = rows[:, :, :, None] & columns[:, :, None, :]
        return feature * ~box.any(1, keepdim=True)

    def _inside(self, seen: Tensor) -> Tensor:
        """Which cells along a side are in the box: ``(B, K, n)`` bool, of where a class is seen."""
        length = seen.shape[2]
        place = torch.arange(length, device=seen.device)
        first = torch.where(seen, place, length).amin(2, keepdim=True)
        extent = torch.where(seen, place, -1).amax(2, keepdim=True) + 1 - first
        side = (extent * self.erase).round().clamp(min=1)
        draw = uniform(side, side.shape, 0, 1)
        start = first + (draw * (extent - side + 1)).floor()
        return (extent > 0) & (place >= start) & (place < start + side)
