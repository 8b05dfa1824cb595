# SPDX-License-Identifier: Apache-2.0
"""Geometry shared by all views: resize, pad, crop and flip, done as one resampling of the crop."""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from PIL import Image
from torch.nn import functional as F

from rankseg.datasets.transforms.seeding import rng_of
from rankseg.imageio.masks import IGNORE
from rankseg.registry import TRANSFORMS


class Placement(NamedTuple):
    """Position of a crop, in pixels of the resized image.

    Attributes:
        resized: ``(height, width)`` of the resized whole image.
        corner: ``(top, left)`` of the crop in it.
        inside: ``(height, width)`` of the image part of the crop; the rest, below and to the right,
            is padding.
    """

    resized: tuple[int, int]
    corner: tuple[int, int]
    inside: tuple[int, int]
    flip: bool


def draw_placement(
    rng: np.random.Generator,
    shape: tuple[int, int],
    crop: tuple[int, int],
    scale: tuple[float, float],
    flip: float,
) -> Placement:
    """Draw a placement: scale the long side, pad smaller images to the crop, crop, and flip."""
    long_side = max(shape)
    low, high = (max(1, int(long_side * factor)) for factor in scale)
    ratio = int(rng.integers(low, high, endpoint=True)) / long_side
    resized = tuple(max(1, int(side * ratio + 0.5)) for side in shape)
    inside = tuple(min(a, b) for a, b in zip(resized, crop, strict=True))
    corner = tuple(
        int(rng.integers(0, a - b, endpoint=True)) for a, b in zip(resized, inside, strict=True)
    )
    return Placement(resized, corner, inside, bool(rng.random() < flip))


def _slots(placement: Placement, crop: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of the crop that contain image."""
    (height, width), flip = placement.inside, placement.flip
    return slice(0, height), slice(crop[1] - width, crop[1]) if flip else slice(0, width)


def _on_canvas(
    part: np.ndarray, placement: Placement, crop: tuple[int, int], fill: int
) -> np.ndarray:
    """Put the image part of a crop on a padded canvas; a full crop is returned unchanged."""
    if placement.inside == crop:
        return part
    canvas = np.full((*crop, *part.shape[2:]), fill, part.dtype)
    canvas[_slots(placement, crop)] = part
    return canvas


def crop_image(
    image: np.ndarray, placement: Placement, crop: tuple[int, int], antialias: bool = True
) -> np.ndarray:
    """Resample only the crop of an image, bilinearly; padding is black.

    Args:
        image: ``(H, W, 3)`` uint8.
        placement: Position of the crop.
        crop: ``(h, w)`` of the result.
        antialias: Average all pixels of an image that shrinks, as PIL does.

    Returns:
        ``(h, w, 3)`` uint8, equal within 2 gray levels to resizing the whole image, followed by
        padding, cropping and flipping: by PIL if the image shrinks with ``antialias``, else by
        ``cv2.resize``. The cost depends on the size of the crop, not on that of the image.
    """
    shrinks = any(a > b for a, b in zip(image.shape[:2], placement.resized, strict=True))
    part = (_shrink if antialias and shrinks else _interpolate)(image, placement)
    return _on_canvas(part, placement, crop, 0)


def _interpolate(image: np.ndarray, placement: Placement) -> np.ndarray:
    """Return the image part of a crop, interpolated between the nearest pixels."""
    # Resizing maps pixel centers: source + 0.5 = (target + 0.5) * step.
    (step_y, step_x) = (a / b for a, b in zip(image.shape[:2], placement.resized, strict=True))
    (top, left), (height, width) = placement.corner, placement.inside
    if placement.flip:
        step_x, first_x = -step_x, (left + width - 0.5) * step_x - 0.5
    else:
        first_x = (left + 0.5) * step_x - 0.5
    matrix = np.array([[step_x, 0.0, first_x], [0.0, step_y, (top + 0.5) * step_y - 0.5]])
    return cv2.warpAffine(
        image,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _shrink(image: np.ndarray, placement: Placement) -> np.ndarray:
    """Return the image part of a crop as PIL's bilinear resizing of the whole image has it.

    PyTorch resizes exactly like PIL and three to four times as fast, but only whole images. So PIL
    cuts crops that show little of an image.
    """
    (top, left), (height, width) = placement.corner, placement.inside
    if 4 * height * width >= placement.resized[0] * placement.resized[1]:
        pixels = torch.from_numpy(np.require(image, requirements="CW"))
        whole = F.interpolate(
            pixels.permute(2, 0, 1)[None], placement.resized, mode="bilinear", antialias=True
        )
        part = whole[0, :, top : top + height, left : left + width].permute(1, 2, 0).numpy()
    else:
        rows, columns = map(_span, (top, left), (height, width), placement.resized, image.shape)
        region = Image.fromarray(image[slice(*rows[:2]), slice(*columns[:2])])
        box = (columns[2], rows[2], columns[3], rows[3])
        part = np.asarray(region.resize((width, height), Image.Resampling.BILINEAR, box=box))
    return np.ascontiguousarray(part[:, ::-1] if placement.flip else part)


def _span(first: int, count: int, resized: int, size: int) -> tuple[int, int, float, float]:
    """Return the pixels of one side of an image to read for a crop, and the crop between them.

    The last pixel is exclusive. Pixels within a step around the crop count, too.
    """
    step = size / resized
    start, end = first * step, min(size, (first + count) * step)
    low, high = max(0, int(start - step) - 1), min(size, int(end + step) + 2)
    return low, high, start - low, end - low


def crop_mask(mask: np.ndarray, placement: Placement, crop: tuple[int, int]) -> np.ndarray:
    """Sample the crop of a mask, each pixel from the nearest source center; padding is 255.

    Args:
        mask: ``(H, W)`` uint8.
        placement: Position of the crop.
        crop: ``(h, w)`` of the result.

    Returns:
        ``(h, w)`` uint8 with only values of the mask and 255.
    """
    rows, columns = (
        ((2 * np.arange(first, first + count) + 1) * size) // (2 * resized)
        for first, count, size, resized in zip(
            placement.corner, placement.inside, mask.shape, placement.resized, strict=True
        )
    )
    part = mask[rows][:, columns[::-1] if placement.flip else columns]
    return _on_canvas(part, placement, crop, IGNORE)


def valid_map(placement: Placement, crop: tuple[int, int]) -> np.ndarray:
    """Return a ``(h, w)`` bool map: true on image pixels, false on padding."""
    valid = np.zeros(crop, bool)
    valid[_slots(placement, crop)] = True
    return valid


@TRANSFORMS.register_module()
class RandomResizeCropFlip(BaseTransform):
    """Weak augmentation, which fixes the geometry shared by all views of an image.

    The long side is scaled by a random factor, images smaller than the crop are padded on the right
    and at the bottom, and the result is randomly cropped and flipped. Only the crop is resampled.
    Reads ``img`` and, if present, ``seg_map``; replaces them and sets ``img_shape`` and ``valid``:
    ``(h, w)`` bool, false on padding, computed from geometry alone.

    Args:
        crop_size: ``(height, width)`` of the crop in pixels, or one number for both.
        scale: Smallest and largest scale factor of the long side.
        flip: Probability of a left-right flip.
        min_foreground: Minimum share, 0 to 1, of the crop's image pixels with a class other than 0
            and 255. The geometry is redrawn until it is reached; 0 disables this.
        tries: Maximum number of draws for ``min_foreground``; the best one is kept.
        antialias: Average all pixels of images that shrink, like PIL's bilinear resizing in the
            released code. False interpolates between the nearest ones, like ``cv2.INTER_LINEAR``.

    Raises:
        ValueError: If an argument is out of range, or ``min_foreground`` is used on a sample
            without a mask.
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        scale: tuple[float, float] = (0.5, 2.0),
        flip: float = 0.5,
        min_foreground: float = 0.0,
        tries: int = 10,
        antialias: bool = True,
    ) -> None:
        crop = (crop_size, crop_size) if isinstance(crop_size, int) else tuple(crop_size)
        if len(crop) != 2 or min(crop) < 1:
            raise ValueError(
                f"Expected crop_size to be 1 or 2 positive integers, but got {crop_size}."
            )
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ValueError(
                f"Expected scale to be (low, high) with 0 < low <= high, but got {scale}."
            )
        for name, value in (("flip", flip), ("min_foreground", min_foreground)):
            if not 0 <= value <= 1:
                raise ValueError(f"Expected {name} to be in [0, 1], but got {value}.")
        if tries < 1:
            raise ValueError(f"Expected tries to be at least 1, but got {tries}.")
        self.crop, self.scale, self.flip = crop, tuple(scale), flip
        self.min_foreground, self.tries = min_foreground, tries
        self.antialias = antialias

    def _place_on_foreground(self, rng: np.random.Generator, mask: np.ndarray) -> Placement:
        """Redraw until the crop contains enough foreground; return the best draw."""
        best, most = None, -1.0
        for _ in range(self.tries):
            placement = draw_placement(rng, mask.shape, self.crop, self.scale, self.flip)
            label = crop_mask(mask, placement, self.crop)
            count = np.count_nonzero((label != 0) & (label != IGNORE))
            share = count / (placement.inside[0] * placement.inside[1])
            if share > most:
                best, most = placement, share
            if share >= self.min_foreground:
                break
        return best

    def transform(self, results: dict) -> dict:
        """Replace image and mask by a random crop."""
        rng, image, mask = rng_of(results, "geometry"), results["img"], results.get("seg_map")
        if not self.min_foreground:
            placement = draw_placement(rng, image.shape[:2], self.crop, self.scale, self.flip)
        elif mask is None:
            raise ValueError(
                f"Expected a mask for min_foreground={self.min_foreground}, but "
                f"{results.get('img_path', 'the sample')} has none. Set it in the labeled pipeline "
                "only."
            )
        else:
            placement = self._place_on_foreground(rng, mask)
        results["img"] = crop_image(image, placement, self.crop, self.antialias)
        if mask is not None:
            results["seg_map"] = crop_mask(mask, placement, self.crop)
        results["valid"] = valid_map(placement, self.crop)
        results["img_shape"] = self.crop
        return results

    def __repr__(self) -> str:
        return (
            f"RandomResizeCropFlip(crop_size={self.crop}, scale={self.scale}, flip={self.flip}, "
            f"min_foreground={self.min_foreground}, tries={self.tries}, "
            f"antialias={self.antialias})"
        )
