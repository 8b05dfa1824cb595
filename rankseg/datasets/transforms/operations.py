# SPDX-License-Identifier: Apache-2.0
"""Operations of published recipes that albumentations lacks, in its form."""

import albumentations as A
import cv2
import numpy as np

SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


class Sharpness(A.ImageOnlyTransform):
    """Blend an image with a smoothed copy, as Pillow's ``ImageEnhance.Sharpness`` does.

    Args:
        factor: Range that the weight of the image itself is drawn from: 0 gives the smoothed copy,
            1 the image, more sharpens.
        p: Probability of doing anything.
    """

    class InitSchema(A.ImageOnlyTransform.InitSchema):
        """What albumentations checks the arguments by."""

        factor: tuple[float, float]

    def __init__(self, factor: tuple[float, float] = (0.05, 0.95), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.factor = factor

    def get_params(self) -> dict:
        """Draw the weight."""
        return {"factor": self.py_random.uniform(*self.factor)}

    def apply(self, img: np.ndarray, factor: float, **params) -> np.ndarray:
        """Both steps as one convolution; ``(H, W, 3)`` uint8."""
        kernel = (1 - factor) * SMOOTH
        kernel[1, 1] += factor
        return cv2.filter2D(img, -1, kernel, borderType=cv2.BORDER_REPLICATE)


class Cutout(A.ImageOnlyTransform):
    """Paint a square grey, whose centre is anywhere in the image: at a border, less is painted.

    Args:
        size: Side of the square in pixels.
        fill: Grey level.
        p: Probability of doing anything.

    Source: DeVries and Taylor, Cutout (arXiv:1708.04552), in the version of FixMatch.
    """

    class InitSchema(A.ImageOnlyTransform.InitSchema):
        """What albumentations checks the arguments by."""

        size: int
        fill: int

    def __init__(self, size: int = 16, fill: int = 127, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.size = size
        self.fill = fill

    def get_params_dependent_on_data(self, params: dict, data: dict) -> dict:
        """Draw the square, ``(top, left, bottom, right)``."""
        height, width = params["shape"][:2]
        top = self.py_random.randrange(height) - self.size // 2
        left = self.py_random.randrange(width) - self.size // 2
        return {"box": (max(0, top), max(0, left), top + self.size, left + self.size)}

    def apply(self, img: np.ndarray, box: tuple[int, int, int, int], **params) -> np.ndarray:
        """Paint a copy; ``(H, W, 3)`` uint8."""
        top, left, bottom, right = box
        img = img.copy()
        img[top:bottom, left:right] = self.fill
        return img
