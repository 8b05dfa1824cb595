# SPDX-License-Identifier: Apache-2.0
"""Feature perturbations of cross-consistency training and of UniMatch.

The perturbations of cross-consistency training are called as ``perturb(feature, classes, decode)``:
features ``(B, C, h, w)``, the classes that the main decoder predicts, ``(B, K, h, w)`` bool with
one true entry per position, and the decoder that reads the perturbed features. Random numbers are
drawn for each image separately. ``background`` is the class that is not an object, 0 as in the
released code of CCT, or None if every class is one.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.errors import expect
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
        expect(0 <= rate < 1, "rate of ChannelDropout", "at least 0 and below 1", rate)
        self.rate = rate

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see the module for the arguments."""
        kept = uniform(feature, (*feature.shape[:2], 1, 1), 0, 1) >= self.rate
        return feature * kept / (1 - self.rate)


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
        """Perturb the features; see the module for the arguments."""
        return feature * ~objects_of(classes, self.background)


@MODELS.register_module()
class MaskContext(MaskObjects):
    """Con-Msk: set all features except those of objects to zero.

    Args:
        background: Class that is not an object; see the module.

    Source: CCT (CVPR 2020), section 3.3.
    """

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see the module for the arguments."""
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
        expect(0 < erase <= 1, "erase of GuidedCutout", "above 0 and at most 1", erase)
        self.erase = erase
        self.background = background

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see the module for the arguments."""
        classes = classes & objects_of(classes, self.background)
        rows = self._inside(classes.any(3))
        columns = self._inside(classes.any(2))
        box = rows[:, :, :, None] & columns[:, :, None, :]
        return feature * ~box.any(1, keepdim=True)

    def _inside(self, present: Tensor) -> Tensor:
        """Draw the box along one side: cells ``(B, K, n)`` bool, from the cells with the class."""
        length = present.shape[2]
        place = torch.arange(length, device=present.device)
        first = torch.where(present, place, length).amin(2, keepdim=True)
        extent = torch.where(present, place, -1).amax(2, keepdim=True) + 1 - first
        side = (extent * self.erase).round().clamp(min=1)
        draw = uniform(side, side.shape, 0, 1)
        start = first + (draw * (extent - side + 1)).floor()
        return (extent > 0) & (place >= start) & (place < start + side)


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
        expect(iterations >= 1, "iterations of VirtualAdversarial", "1 or more", iterations)
        self.radius, self.step, self.iterations = radius, step, iterations

    def forward(self, feature: Tensor, classes: Tensor, decode: Decode) -> Tensor:
        """Perturb the features; see the module for the arguments."""
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


class PerturbedFeatures(Sequence):
    """Encoder features followed, along the batch, by a perturbed copy of each.

    Behaves like the tuple of feature maps that a decode head expects, but copies only the maps that
    the head reads. Whole channels are dropped (``dropout2d``). If a backbone returns a class token
    ``(B, C)`` with each map, channels of the token are dropped as well.

    Args:
        features: Maps ``(B, C_i, h_i, w_i)`` as the backbone returns them, or lists of a map and a
            class token.
        rate: Probability that a channel is dropped, in ``[0, 1)``.

    Source: UniMatch (CVPR 2023), section 3.2.
    """

    def __init__(self, features: Sequence[Tensor | Sequence], rate: float) -> None:
        self._features = features
        self._rate = rate
        self._made: dict[int, Tensor | list] = {}

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        """Return map ``(2B, C, h, w)``, clean then perturbed; the same object every time."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        if index not in self._made:
            self._made[index] = self._double(self._features[index])
        return self._made[index]

    def _double(self, clean: Tensor | Sequence) -> Tensor | list:
        """Concatenate the clean rows and the perturbed ones."""
        if not isinstance(clean, Tensor):
            return [self._double(one) for one in clean]
        drop = F.dropout2d if clean.dim() == 4 else F.dropout
        return torch.cat((clean, drop(clean, self._rate)))


def complementary_dropout(
    features: Sequence[Tensor | Sequence], keep: float = 0.5
) -> list[Tensor | list]:
    """Drop the channels of one view that the other view of the same image keeps.

    Each image gets one random mask of the channels, with probability 1/2 each. The first view is
    multiplied by twice the mask, the second view by twice its complement. Maps with the same number
    of channels share the mask, and so does a class token of that size.

    Args:
        features: Maps ``(2B, C_i, h_i, w_i)``, or lists of a map and a class token ``(2B, C_i)``:
            the first views of ``B`` images, then the second.
        keep: Share of the images whose features are left unchanged, rounded down.

    Returns:
        Features of the same shapes.

    Source: UniMatch V2 (arXiv:2410.10777), section 3.3, and released code.
    """
    first = features[0] if isinstance(features[0], Tensor) else features[0][0]
    count = len(first) // 2
    kept = torch.randperm(count)[: int(count * keep)].to(first.device, non_blocking=True)
    masks: dict[int, Tensor] = {}

    def drop(one: Tensor | Sequence) -> Tensor | list:
        if not isinstance(one, Tensor):
            return [drop(part) for part in one]
        channels = one.shape[1]
        if channels not in masks:
            mask = 2.0 * torch.randint(2, (count, channels), device=first.device)
            mask = mask.index_fill(0, kept, 1.0)
            masks[channels] = torch.cat((mask, 2.0 - mask))
        mask = masks[channels].to(one.dtype)
        return one * mask.view(*mask.shape, *(1,) * (one.dim() - 2))

    return [drop(one) for one in features]
