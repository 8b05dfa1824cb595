# SPDX-License-Identifier: Apache-2.0
"""Albumentations transforms for operations of published recipes that albumentations lacks."""

import albumentations as A
import cv2
import numpy as np

SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


class Sharpness(A.ImageOnlyTransform):
    """Blend an image with a smoothed copy, like Pillow's ``ImageEnhance.Sharpness``.

    Args:
        factor: Range of the weight of the image: 0 gives the smoothed copy, 1 the image, and larger
            values sharpen.
        p: Probability of applying the transform.
    """

    class InitSchema(A.ImageOnlyTransform.InitSchema):
        """Schema that albumentations uses to check the arguments."""

        factor: tuple[float, float]

    def __init__(self, factor: tuple[float, float] = (0.05, 0.95), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.factor = factor

    def get_params(self) -> dict:
        """Draw the weight."""
        return {"factor": self.py_random.uniform(*self.factor)}

    def apply(self, img: np.ndarray, factor: float, **params) -> np.ndarray:
        """Apply smoothing and blending as one convolution; ``(H, W, 3)`` uint8."""
        kernel = (1 - factor) * SMOOTH
        kernel[1, 1] += factor
        return cv2.filter2D(img, -1, kernel, borderType=cv2.BORDER_REPLICATE)


class Cutout(A.ImageOnlyTransform):
    """Paint a gray square with a random center; at the border only part of it is painted.

    Args:
        size: Side of the square in pixels.
        fill: Gray level.
        p: Probability of applying the transform.

    Source: DeVries and Taylor, Cutout (arXiv:1708.04552), in the version of FixMatch.
    """

    class InitSchema(A.ImageOnlyTransform.InitSchema):
        """Schema that albumentations uses to check the arguments."""

        size: int
        fill: int

    def __init__(self, size: int = 16, fill: int = 127, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.size = size
        self.fill = fill

    def get_params_dependent_on_data(self, params: dict, data: dict) -> dict:
        """Draw the square as ``(top, left, bottom, right)``."""
        height, width = params["shape"][:2]
        top = self.py_random.randrange(height) - self.size // 2
        left = self.py_random.randrange(width) - self.size // 2
        return {"box": (max(0, top), max(0, left), top + self.size, left + self.size)}

    def apply(self, img: np.ndarray, box: tuple[int, int, int, int], **params) -> np.ndarray:
        """Paint the square on a copy; ``(H, W, 3)`` uint8."""
        top, left, bottom, right = box
        img = img.copy()
        img[top:bottom, left:right] = self.fill
        return img
