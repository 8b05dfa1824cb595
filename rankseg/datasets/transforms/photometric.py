# SPDX-License-Identifier: Apache-2.0
"""Strong views: the weak view in other colours, by albumentations."""

import random
from inspect import signature

import albumentations as A
import numpy as np
from mmcv.transforms import BaseTransform

from rankseg.datasets.transforms import operations
from rankseg.datasets.transforms.seeding import rng_of
from rankseg.registry import TRANSFORMS
from rankseg.structures import strong

RECIPE = (
    {
        "type": "ColorJitter",
        "brightness": 0.5,
        "contrast": 0.5,
        "saturation": 0.5,
        "hue": 0.25,
        "p": 0.8,
    },
    {"type": "ToGray", "p": 0.2},
    {"type": "GaussianBlur", "sigma_limit": (0.1, 2.0), "blur_limit": 0, "p": 0.5},
)


def build_albumentation(config: dict, geometry: bool = False) -> A.BasicTransform | A.BaseCompose:
    """Build one albumentations transform, or a choice of several, from a config.

    Args:
        config: ``type`` is a name in ``albumentations`` or in
            :mod:`rankseg.datasets.transforms.operations`, the rest are its arguments; compositions
            such as ``OneOf`` take a list of such configs as ``transforms``.
        geometry: Whether it may move or remove pixels.

    Raises:
        ValueError: If there is no such transform, its arguments do not fit, or it moves pixels
            and may not.
    """
    arguments = dict(config)
    name = arguments.pop("type", None)
    kind = getattr(A, str(name), None) or getattr(operations, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, A.BasicTransform | A.BaseCompose)):
        raise ValueError(f"albumentations {A.__version__} has no transform named {name!r}")
    known = [key for key in signature(kind).parameters if key != "kwargs"]
    if unknown := sorted(set(arguments) - set(known)):  # albumentations itself only warns
        raise ValueError(f"albumentations {name} knows no {unknown}, only {known}")
    if issubclass(kind, A.BaseCompose):
        inner = arguments.get("transforms")
        if not inner:
            raise ValueError(f"albumentations {name} needs a list of configs as 'transforms'")
        arguments["transforms"] = [build_albumentation(one, geometry) for one in inner]
    elif not geometry and not issubclass(kind, A.ImageOnlyTransform):
        raise ValueError(
            f"{name} moves or removes pixels, but strong views must differ from the weak view in "
            "colour only: use a pixel-level transform of albumentations"
        )
    for key, value in arguments.items():  # a config file turns tuples into lists
        if isinstance(value, list) and key != "transforms":
            arguments[key] = tuple(value)
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"albumentations {name} does not take {arguments}: {error}") from error


@TRANSFORMS.register_module()
class StrongViews(BaseTransform):
    """Add recoloured copies of the weak view: ``strong1``, ``strong2``, ...

    Reads ``img`` (the weak view, left as it is) and sets each strong view to an ``(h, w, 3)``
    uint8 image with the same geometry.

    Args:
        num: Number of strong views.
        transforms: Configs of albumentations transforms, applied in turn. By default
            ColorJitter(0.5, 0.5, 0.5, 0.25) with p=0.8, grey with p=0.2, Gaussian blur of sigma
            U(0.1, 2) pixels with p=0.5.
        replace: Replace the image by its only strong view, for labeled images. ``num`` must be 1.

    Raises:
        ValueError: If ``num`` is negative or does not fit ``replace``, or a transform is unknown or
            moves pixels.

    Source: the strong augmentation of UniMatch (arXiv:2208.09910). Differs: OpenCV's hue has 180
        steps where Pillow's has 256, and the blur is a true Gaussian.
    """

    def __init__(
        self, num: int = 2, transforms: list[dict] | None = None, replace: bool = False
    ) -> None:
        if num < 0:
            raise ValueError(f"the number of strong views must not be negative, got {num}")
        if replace and num != 1:
            raise ValueError(
                f"Expected num of StrongViews to be 1 with replace=True, but got {num}."
            )
        self.replace = replace
        self.num = num
        self.configs = list(RECIPE if transforms is None else transforms)
        self.transforms = [build_albumentation(config) for config in self.configs]

    def transform(self, results: dict) -> dict:
        """Add the strong views to the sample."""
        if self.replace:
            results["img"] = self._recolour(results["img"], rng_of(results, strong(1)))
            return results
        for view in map(strong, range(1, self.num + 1)):
            results[view] = self._recolour(results["img"], rng_of(results, view))
        return results

    def _recolour(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        # One pair of generators for all transforms: `set_random_seed` would give every transform
        # an equal one of its own, so that grey images were always jittered and blurred ones too.
        python_rng = random.Random(int(rng.integers(2**32)))
        for one in self.transforms:
            one.set_random_state(rng, python_rng)
            image = one(image=image)["image"]
        return image

    def __repr__(self) -> str:
        return f"StrongViews(num={self.num}, transforms={self.configs})"
