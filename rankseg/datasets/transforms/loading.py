# SPDX-License-Identifier: Apache-2.0
"""Read an image and, where there is one, its mask."""

from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from rankseg.datasets.masks import read_mask
from rankseg.registry import TRANSFORMS

READ_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(path: str | Path) -> np.ndarray:
    """Read any image that OpenCV knows as ``(H, W, 3)`` uint8 RGB.

    Grey is repeated three times, alpha is dropped, 16 bit keeps its high byte. The EXIF
    orientation is ignored: masks are drawn on the stored pixels and mostly carry no such tag.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not decode.
    """
    image = cv2.imread(str(path), READ_FLAGS)
    if image is not None:
        return image
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"image {path} does not exist: correct the list that names it or the data root"
        )
    raise ValueError(
        f"image {path} does not decode: it is damaged or of a kind that OpenCV does not read; "
        "save it anew as JPEG or PNG, or take it from the list"
    )


@TRANSFORMS.register_module()
class LoadSample(BaseTransform):
    """Load the image and, where the sample names one, its mask.

    Reads ``img_path``, ``seg_map_path`` (absent or ``None``: no mask is opened) and
    ``label_rule`` (see :func:`rankseg.datasets.masks.read_mask`). Sets ``img`` (``(H, W, 3)``
    uint8 RGB), ``seg_map`` (``(H, W)`` uint8, only with a mask) and ``ori_shape``, ``img_shape``
    as ``(H, W)``.

    Raises:
        FileNotFoundError: If the image does not exist.
        ValueError: If it does not decode, or differs in size from its mask.
    """

    def transform(self, results: dict) -> dict:
        """Add the pixels to the sample."""
        image = read_image(results["img_path"])
        shape = image.shape[:2]
        results.update(img=image, ori_shape=shape, img_shape=shape)
        mask_path = results.get("seg_map_path")
        if mask_path is None:
            return results
        mask = read_mask(mask_path, results.get("label_rule"))
        if mask.shape != shape:
            raise ValueError(
                f"mask {mask_path} is {mask.shape[1]}x{mask.shape[0]} pixels, its image "
                f"{results['img_path']} is {shape[1]}x{shape[0]}: they must have one size"
            )
        results["seg_map"] = mask
        return results

    def __repr__(self) -> str:
        return "LoadSample()"
