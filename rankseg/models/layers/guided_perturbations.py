# SPDX-License-Identifier: Apache-2.0
"""Feature perturbations guided by a prediction, which remove objects or their surroundings.

They are called like those of :mod:`rankseg.models.layers.feature_perturbations`. ``background`` is
the class that is not an object, 0 as in the released code of CCT, or None if every class is one.
"""

import torch
from torch import Tensor, nn

from rankseg.models.layers.feature_perturbations import Decode, uniform
from rankseg.registry import MODELS


def objects_of(classes: Tensor, background: int | None) -> Tensor:
    """Return the mask of predicted objects, ``(B, 1, h, w)`` bool."""
    if background is None:
        return classes.any(1, keepdim=True)
    return ~classes[:, background : background + 1]


@MODELS.register_module()
class MaskObjects(nn.Module):
    """Obj-Msk: set the features of objects to zero.

    Args:
        background: Class that is not an object; see the module.

    Source: CCT (CVPR 2020), section 3.3.
    """

    def __init__(self, background: int | None = 0) -> None:
        super().__init__()
        self.background = background

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see :mod:`rankseg.models.layers.feature_perturbations`."""
        return feature * ~objects_of(classes, self.background)


@MODELS.register_module()
class MaskContext(MaskObjects):
    """Con-Msk: set all features except those of objects to zero.

    Args:
        background: Class that is not an object; see the module.

    Source: CCT (CVPR 2020), section 3.3.
    """

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see :mod:`rankseg.models.layers.feature_perturbations`."""
        return feature * objects_of(classes, self.background)


@MODELS.register_module()
class GuidedCutout(nn.Module):
    """G-Cutout: set a random box inside the bounding box of each predicted class to zero.

    There is one box for every class of an image. The paper uses the bounding box of every connected
    object, and the released code that of objects with more than 50 contour points. Finding them
    would copy the features to the host and back in every step. Positions are those of the feature
    map, not pixels.

    Args:
        erase: Height and width of the box, as a share of the bounding box; 0.4 in the released
            code.
        background: Class that is not an object; see the module.

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
        """Perturb the features; see :mod:`rankseg.models.layers.feature_perturbations`."""
        classes = classes & objects_of(classes, self.background)
        rows = self._inside(classes.any(3))
        columns = self._inside(classes.any(2))
        box = rows[:, :, :, None] & columns[:, :, None, :]
        return feature * ~box.any(1, keepdim=True)

    def _inside(self, seen: Tensor) -> Tensor:
        """Draw the box along one side: cells ``(B, K, n)`` bool, from the cells with the class."""
        length = seen.shape[2]
        place = torch.arange(length, device=seen.device)
        first = torch.where(seen, place, length).amin(2, keepdim=True)
        extent = torch.where(seen, place, -1).amax(2, keepdim=True) + 1 - first
        side = (extent * self.erase).round().clamp(min=1)
        draw = uniform(side, side.shape, 0, 1)
        start = first + (draw * (extent - side + 1)).floor()
        return (extent > 0) & (place >= start) & (place < start + side)
