# SPDX-License-Identifier: Apache-2.0
"""Published augmentations for classification, as functions from crop size to a list of configs.

A config holds the name of an albumentations transform (or one of
:mod:`rankseg.datasets.transforms.operations`) as ``type``, and its arguments. ``DrawViews`` accepts
the name of a recipe or a list of configs.
"""

from collections.abc import Callable, Sequence
from math import atan, degrees

import cv2

Recipe = list[dict]

GRAY = 127
NEAREST = {"interpolation": cv2.INTER_NEAREST, "border_mode": cv2.BORDER_CONSTANT, "fill": GRAY}
SHRINK = {"interpolation": cv2.INTER_LINEAR, "area_for_downscale": "image"}
STAY = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0)}
FLIP = {"type": "HorizontalFlip", "p": 0.5}
HALF = 0.5  # probability that FixMatch applies a selected operation
SHEAR = degrees(atan(0.3))  # FixMatch shears by up to 0.3 pixels per pixel

FIXMATCH_POOL: Recipe = [
    {"type": "AutoContrast", "method": "pil", "p": HALF},
    {"type": "ColorJitter", **STAY, "brightness": (0.05, 0.95), "p": HALF},
    {"type": "ColorJitter", **STAY, "saturation": (0.05, 0.95), "p": HALF},
    {"type": "ColorJitter", **STAY, "contrast": (0.05, 0.95), "p": HALF},
    {"type": "Equalize", "p": HALF},
    {"type": "NoOp", "p": HALF},
    {"type": "Posterize", "num_bits": (4, 8), "p": HALF},
    {"type": "Rotate", "limit": (-30, 30), **NEAREST, "p": HALF},
    {"type": "Sharpness", "factor": (0.05, 0.95), "p": HALF},
    {"type": "Affine", "shear": {"x": (-SHEAR, SHEAR), "y": 0}, **NEAREST, "p": HALF},
    {"type": "Affine", "shear": {"x": 0, "y": (-SHEAR, SHEAR)}, **NEAREST, "p": HALF},
    {"type": "Solarize", "threshold_range": (0, 1), "p": HALF},
    {"type": "Affine", "translate_percent": {"x": (-0.3, 0.3), "y": 0}, **NEAREST, "p": HALF},
    {"type": "Affine", "translate_percent": {"x": 0, "y": (-0.3, 0.3)}, **NEAREST, "p": HALF},
]
"""The 14 operations of FixMatch (arXiv:2001.07685, Table 12) with their ranges.

Source: The ranges are those of the paper. The probability of one half, nearest-neighbor sampling
and the gray fill are those of the authors' code, whose ranges are wider (factors up to 1.7, down to
one bit). Differences: strengths are uniform instead of in nine steps, and shears keep the center of
the image, whereas Pillow keeps its corner.
"""


def crop(size: int) -> Recipe:
    """Shift images of ``size`` pixels by up to an eighth, with mirrored padding."""
    return [
        {"type": "Pad", "padding": size // 8, "border_mode": cv2.BORDER_REFLECT_101},
        {"type": "RandomCrop", "height": size, "width": size},
    ]


def flip_crop(size: int) -> Recipe:
    """Build the weak view of FixMatch: flip, then random shift by up to 4 of 32 pixels."""
    return [FLIP, *crop(size)]


def rand_augment(size: int) -> Recipe:
    """Apply two random operations of the FixMatch pool (may repeat) and a gray half-size square."""
    return [
        {"type": "RandomOrder", "transforms": FIXMATCH_POOL, "n": 2, "replace": True},
        {"type": "Cutout", "size": size // 2, "fill": GRAY},
    ]


def fixmatch(size: int) -> Recipe:
    """Build the strong view of FixMatch: weak view, RandAugment, Cutout."""
    return [*flip_crop(size), *rand_augment(size)]


def fixmatch_no_flip(size: int) -> Recipe:
    """Build the strong view of FixMatch for digits: without flips (weak view: ``crop``)."""
    return [*crop(size), *rand_augment(size)]


def resized_crop(size: int) -> Recipe:
    """Build the weak view for ImageNet: resized crop of at least a fifth of the image, and flip."""
    return [{"type": "RandomResizedCrop", "size": (size, size), "scale": (0.2, 1), **SHRINK}, FLIP]


def moco_v2(size: int, scale: tuple[float, float] = (0.2, 1)) -> Recipe:
    """Build the MoCo v2 strong view (arXiv:2003.04297): resized crop, colors, gray, blur, flip."""
    cut, flip = resized_crop(size)
    cut["scale"] = scale
    color = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
    return [
        cut,
        {"type": "ColorJitter", **color, "p": 0.8},
        {"type": "ToGray", "p": 0.2},
        {"type": "GaussianBlur", "sigma_limit": (0.1, 2.0), "blur_limit": 0, "p": 0.5},
        flip,
    ]


def local_crop(size: int) -> Recipe:
    """Build the small strong view of SwAV (arXiv:2006.09882): 1/20 to 1/7 of the image.

    Colors are those of MoCo v2. CMSF states that its four crops follow SwAV, but not their scale.
    """
    return moco_v2(size, (0.05, 0.14))


def small_strong(size: int) -> Recipe:
    """Build the strong view of MoCo v2 for 32-pixel images, without blur as in SimCLR."""
    return [config for config in moco_v2(size) if config["type"] != "GaussianBlur"]


def resize_center(size: int, share: float = 0.875) -> Recipe:
    """Resize the short side to ``size / share`` and crop the center, for testing."""
    return [
        {"type": "SmallestMaxSize", "max_size": round(size / share), **SHRINK},
        {"type": "CenterCrop", "height": size, "width": size},
    ]


RECIPES: dict[str, Callable[[int], Recipe]] = {
    recipe.__name__: recipe
    for recipe in (
        crop,
        flip_crop,
        fixmatch,
        fixmatch_no_flip,
        resized_crop,
        moco_v2,
        local_crop,
        small_strong,
    )
}
"""Recipes that a config can refer to by name."""

CUTS = ("crop", "flip_crop", "fixmatch", "fixmatch_no_flip")
"""Recipes that crop without resizing, for images of about the crop size."""


def read_recipe(recipe: str | Sequence[dict] | None, size: int | None) -> Recipe:
    """Return the list of configs of a recipe.

    Args:
        recipe: Name of a recipe, a list of configs, or ``None`` for no transform.
        size: Side of the crop in pixels, for named recipes.

    Raises:
        ValueError: If the recipe does not exist, or it needs a size and none is given.
    """
    if not isinstance(recipe, str):
        return list(recipe or ())
    if recipe not in RECIPES:
        raise ValueError(
            f"Expected a recipe to be one of {', '.join(RECIPES)}, or a list of albumentations "
            f"configs, but got {recipe!r}."
        )
    if not isinstance(size, int) or size < 1:
        raise ValueError(
            f"Expected the side of the crop of recipe {recipe!r} in pixels, but got {size}. Set "
            "size, for example to 32."
        )
    return RECIPES[recipe](size)
