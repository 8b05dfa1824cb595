# SPDX-License-Identifier: Apache-2.0
"""Transforms for images with one label: loading, view generation and test-time resizing."""

from collections.abc import Mapping, Sequence

import numpy as np
from albumentations.augmentations.crops.transforms import CropSizeError
from mmcv.transforms import BaseTransform

from rankseg.datasets.transforms.loading import ImageLoader
from rankseg.datasets.transforms.photometric import augment, build_albumentation
from rankseg.datasets.transforms.recipes import CUTS, read_recipe, resize_center
from rankseg.datasets.transforms.seeding import rng_of
from rankseg.imageio.reading import read_image
from rankseg.registry import TRANSFORMS
from rankseg.structures import WEAK, strong


@TRANSFORMS.register_module()
class LoadImage(ImageLoader):
    """Load an image with an image-level class; its label map has a single pixel.

    Reads ``img_path`` or, for array data sets, ``img``, and ``gt_label`` if the class is known.
    Sets ``img`` (``(H, W, 3)`` uint8 RGB), ``img_shape`` ``(H, W)``, ``seg_map`` (``(1, 1)`` int64,
    the class id, only if known), ``valid`` (``(1, 1)``, true) and ``ori_shape``, the size of a
    prediction: ``(1, 1)``.

    Args:
        value_range: See :class:`~rankseg.datasets.transforms.loading.LoadSample`.
        channels: See :class:`~rankseg.datasets.transforms.loading.LoadSample`.

    Raises:
        FileNotFoundError: If the image does not exist.
        ValueError: If it cannot be decoded, or has more than 8 bits and no range is given.
    """

    def transform(self, results: dict) -> dict:
        """Add the pixels and the label map."""
        if "img" not in results:
            results["img"] = read_image(results["img_path"], self.value_range, self.channels)
        if "gt_label" in results:
            results["seg_map"] = np.full((1, 1), results["gt_label"], np.int64)
        results.update(
            img_shape=results["img"].shape[:2], ori_shape=(1, 1), valid=np.ones((1, 1), bool)
        )
        return results

    def __repr__(self) -> str:
        return "LoadImage()"


@TRANSFORMS.register_module()
class DrawViews(BaseTransform):
    """Generate the weak view and the strong views independently from the loaded image.

    Every view has its own geometry, because an image-level label does not depend on position. Reads
    ``img``; replaces it by the weak view and sets ``strong1``, ``strong2``, ... and ``img_shape``.

    Args:
        weak: Recipe of the weak view: a name of :mod:`rankseg.datasets.transforms.recipes`, or a
            list of albumentations configs. ``None`` leaves the image unchanged.
        strong: Recipe of the strong views; ``"weak"`` draws from the weak recipe again, as Mean
            Teacher does.
        size: Side of the views in pixels, for named recipes.
        num: Number of strong views; ignored without ``strong``.
        crops: Additional strong views with another recipe and size:
            ``dict(recipe="local_crop", size=96, num=4)``. They are numbered after the others.

    Raises:
        ValueError: If a recipe or a transform is unknown, ``num`` is negative, or an image is too
            small for a crop or so large that a crop shows almost nothing of it.
    """

    def __init__(
        self,
        weak: str | Sequence[dict] | None = None,
        strong: str | Sequence[dict] | None = None,
        size: int | None = None,
        num: int = 1,
        crops: Mapping | None = None,
    ) -> None:
        crops = dict(crops or {"recipe": None, "num": 0})
        if num < 0 or crops.get("num", 0) < 0:
            raise ValueError(
                "Expected the number of strong views to be 0 or more, but got "
                f"{min(num, crops['num'])}."
            )
        if not {"recipe", "num"} <= set(crops) <= {"recipe", "size", "num"}:
            raise ValueError(
                "Expected crops of DrawViews to be such as dict(recipe='local_crop', size=96, "
                f"num=4), but got {crops}."
            )
        strong = weak if strong == "weak" else strong
        self.weak, self.strong, self.size = weak, strong, size
        self.num, self.crops = num if strong else 0, crops
        self.recipes = [
            [build_albumentation(config, geometry=True) for config in read_recipe(recipe, side)]
            for recipe, side in ((weak, size), (strong, size), (crops["recipe"], crops.get("size")))
        ]
        self.cut = next((name for name in (weak, strong) if name in CUTS), None)

    def transform(self, results: dict) -> dict:
        """Replace the image by its weak view and add the strong ones."""
        image = results["img"]
        if self.cut and min(image.shape[:2]) > 2 * self.size:
            raise ValueError(
                f"Expected images of about {self.size}x{self.size} pixels for recipe {self.cut!r}, "
                f"which does not resize, but got {image.shape[1]}x{image.shape[0]} for "
                f"{results.get('img_path')}. Use 'resized_crop' (and 'moco_v2' for strong views), "
                f"and dict(type='ResizeCenter', size={self.size}) in the pipeline for testing."
            )
        results["img"] = self._draw(self.recipes[0], image, results, WEAK)
        for number in range(1, self.num + self.crops["num"] + 1):
            view, recipe = strong(number), self.recipes[1 + (number > self.num)]
            results[view] = self._draw(recipe, image, results, view)
        results["img_shape"] = results["img"].shape[:2]
        return results

    def _draw(self, recipe: list, image: np.ndarray, results: dict, view: str) -> np.ndarray:
        if not recipe:
            return image
        try:
            return augment(image, recipe, rng_of(results, view))
        except CropSizeError as error:
            height, width = results["img_shape"]
            raise ValueError(
                f"Expected images large enough for the crop of view '{view}', but got {width}x"
                f"{height} pixels for {results.get('img_path')} ({error}). Add a resize to its "
                "recipe, or use 'resized_crop'."
            ) from error

    def __repr__(self) -> str:
        crops = f", crops={self.crops}" if self.crops["num"] else ""
        return (
            f"DrawViews(weak={self.weak}, strong={self.strong}, size={self.size}, num={self.num}"
            f"{crops})"
        )


@TRANSFORMS.register_module()
class ResizeCenter(BaseTransform):
    """Resize the short side and crop the center, for validation and tests.

    Reads ``img``; replaces it by ``(size, size, 3)`` and sets ``img_shape``.

    Args:
        size: Side of the result in pixels.
        share: Side of the result as a share of the resized short side: 0.875 is 224 of 256; 1 keeps
            all of a square image.

    Raises:
        ValueError: If ``size`` or ``share`` is out of range.
    """

    def __init__(self, size: int, share: float = 0.875) -> None:
        if not isinstance(size, int) or size < 1:
            raise ValueError(
                f"Expected size of ResizeCenter to be a number of pixels, but got {size!r}."
            )
        if not 0 < share <= 1:
            raise ValueError(f"Expected share of ResizeCenter to be in (0, 1], but got {share!r}.")
        self.size, self.share = size, share
        self.steps = [
            build_albumentation(config, geometry=True) for config in resize_center(size, share)
        ]

    def transform(self, results: dict) -> dict:
        """Replace the image."""
        for step in self.steps:
            results["img"] = step(image=results["img"])["image"]
        results["img_shape"] = results["img"].shape[:2]
        return results

    def __repr__(self) -> str:
        return f"ResizeCenter(size={self.size}, share={self.share})"
