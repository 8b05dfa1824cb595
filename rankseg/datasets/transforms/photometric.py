# SPDX-License-Identifier: Apache-2.0
"""Strong views: color augmentations of the weak view with albumentations."""

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
    """Build one albumentations transform, or a composition such as ``OneOf``, from a config.

    Args:
        config: ``type`` is a name in ``albumentations`` or in
            :mod:`rankseg.datasets.transforms.operations`; the other keys are its arguments.
            Compositions such as ``OneOf`` take a list of such configs as ``transforms``.
        geometry: Whether the transform may move or remove pixels.

    Raises:
        ValueError: If the transform does not exist, its arguments are invalid, or it moves pixels
            and ``geometry`` is false.
    """
    arguments = dict(config)
    name = arguments.pop("type", None)
    kind = getattr(A, str(name), None) or getattr(operations, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, A.BasicTransform | A.BaseCompose)):
        raise ValueError(
            f"Expected a transform of albumentations {A.__version__}, but got {name!r}. Correct "
            "the name."
        )
    known = [key for key in signature(kind).parameters if key != "kwargs"]
    if unknown := sorted(set(arguments) - set(known)):  # albumentations itself only warns
        raise ValueError(f"Expected arguments of {name} to be among {known}, but got {unknown}.")
    if issubclass(kind, A.BaseCompose):
        inner = arguments.get("transforms")
        if not inner:
            raise ValueError(
                f"Expected transforms of {name} to be a list of configs, but got {inner}."
            )
        arguments["transforms"] = [build_albumentation(one, geometry) for one in inner]
    elif not geometry and not issubclass(kind, A.ImageOnlyTransform):
        raise ValueError(
            "Expected a transform of colors only, as the views share their geometry, but got "
            f"{name}, which moves or removes pixels. Use a pixel-level transform of albumentations."
        )
    for key, value in arguments.items():  # a config file turns tuples into lists
        if isinstance(value, list) and key != "transforms":
            arguments[key] = tuple(value)
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected valid arguments of {name}, but got {arguments} ({error})."
        ) from error


def augment(image: np.ndarray, transforms: list, rng: np.random.Generator) -> np.ndarray:
    """Apply transforms of albumentations to an ``(H, W, 3)`` uint8 image one after another."""
    # All transforms share one pair of generators. With `set_random_seed` every transform would
    # get an identical generator, and gray, jitter and blur would always be applied together.
    python_rng = random.Random(int(rng.integers(2**32)))
    for one in transforms:
        one.set_random_state(rng, python_rng)
        image = one(image=image)["image"]
    return image


@TRANSFORMS.register_module()
class StrongViews(BaseTransform):
    """Add color-augmented copies of the weak view: ``strong1``, ``strong2``, ...

    Reads ``img`` (the weak view, not changed) and sets each strong view to an ``(h, w, 3)`` uint8
    image with the same geometry.

    Args:
        num: Number of strong views.
        transforms: Configs of albumentations transforms, applied in order. Default:
            ColorJitter(0.5, 0.5, 0.5, 0.25) with p=0.8, gray with p=0.2, Gaussian blur of sigma
            U(0.1, 2) pixels with p=0.5.

    Raises:
        ValueError: If ``num`` is negative or a transform is unknown or moves pixels.

    Source: The strong augmentation of UniMatch (arXiv:2208.09910). Differences: OpenCV's hue has
        180 steps and Pillow's has 256, and the blur is a true Gaussian.
    """

    def __init__(self, num: int = 2, transforms: list[dict] | None = None) -> None:
        if num < 0:
            raise ValueError(f"Expected the number of strong views to be 0 or more, but got {num}.")
        self.num = num
        self.configs = list(RECIPE if transforms is None else transforms)
        self.transforms = [build_albumentation(config) for config in self.configs]

    def transform(self, results: dict) -> dict:
        """Add the strong views to the sample."""
        for view in map(strong, range(1, self.num + 1)):
            results[view] = augment(results["img"], self.transforms, rng_of(results, view))
        return results

    def __repr__(self) -> str:
        return f"StrongViews(num={self.num}, transforms={self.configs})"
