# SPDX-License-Identifier: Apache-2.0
"""Read an image and, where there is one, its mask."""

import os
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from rankseg.datasets.image_files import (
    DAMAGED,
    read_content,
    read_header,
    undecodable,
    unknown_kind,
)
from rankseg.datasets.intensity import to_8_bits
from rankseg.datasets.masks import check_mask, check_same_size, read_mask
from rankseg.registry import TRANSFORMS

READ_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION

if "OPENCV_LOG_LEVEL" not in os.environ:  # a damaged file is one sentence, which names it
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


def read_image(path: str | Path, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Read any image that OpenCV knows as ``(H, W, 3)`` uint8 RGB.

    Grey is repeated three times, alpha is dropped, 16 bit keeps its high byte, CMYK is converted.
    The EXIF orientation is ignored: masks are drawn on the stored pixels and mostly carry no tag.

    Args:
        path: The file.
        value_range: Values of a 16-bit image that become 0 and 255, the same for all images of a
            set; those outside are clipped. Images of 8 bits stay as they are.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If it may not be read.
        ValueError: If it does not decode, is no single picture or too large, see
            :mod:`rankseg.datasets.image_files`.
    """
    content = read_content(path)
    header = read_header(content, path)
    try:
        depth = 0 if value_range is None else cv2.IMREAD_ANYDEPTH
        image = cv2.imdecode(np.frombuffer(content, np.uint8), READ_FLAGS | depth)
    except cv2.error as error:
        raise undecodable(path, error.err) from error
    if image is None:
        known = header is not None
        raise undecodable(path, DAMAGED) if known else unknown_kind(content, path)
    return image if image.dtype == np.uint8 else to_8_bits(image, value_range)


@TRANSFORMS.register_module()
class LoadSample(BaseTransform):
    """Load the image and, where the sample names one, its mask.

    Reads ``img_path``, ``seg_map_path`` (absent or ``None``: no mask is opened), ``label_rule``
    (see :func:`rankseg.datasets.masks.read_mask`) and ``classes`` (names; absent: values of the
    mask are not checked). Sets ``img`` (``(H, W, 3)`` uint8 RGB), ``seg_map`` (``(H, W)`` uint8,
    only with a mask) and ``ori_shape``, ``img_shape`` as ``(H, W)``.

    Args:
        cache: Number of decoded samples that every worker keeps; the one not asked for longest
            goes first. Worth its memory for few large images, if all of them fit: ``cache`` as
            large as the list. Takes 4 bytes a pixel (3 without a mask) for each sample and worker:
            4 MiB for 1024x1024. Kept arrays are read-only. 0 keeps none.
        value_range: Values of 16-bit images that become black and white, such as ``(0, 4095)`` for
            a camera of 12 bits, whose images would else be nearly black: see :func:`read_image`.
            The same in all pipelines of a config.

    Raises:
        FileNotFoundError: If the image or the mask does not exist.
        ValueError: If one does not decode, they differ in size, or the mask holds a value that is
            no class and not 255; if ``cache`` is negative, or the range not of two rising numbers.
    """

    def __init__(self, cache: int = 0, value_range: tuple[float, float] | None = None) -> None:
        if not isinstance(cache, int) or cache < 0:
            raise ValueError(f"cache of LoadSample is {cache!r}: expected a number of samples >= 0")
        if value_range and (len(value_range) != 2 or value_range[0] >= value_range[1]):
            raise ValueError(
                f"value_range of LoadSample is {value_range}: expected two rising numbers, black "
                "and white, such as (0, 4095)"
            )
        self.cache = cache
        self.value_range = value_range
        self._kept: OrderedDict[tuple, tuple[np.ndarray, np.ndarray | None]] = OrderedDict()

    def transform(self, results: dict) -> dict:
        """Add the pixels to the sample."""
        image, mask = self._keep(results) if self.cache else self._decode(results)
        shape = image.shape[:2]
        results.update(img=image, ori_shape=shape, img_shape=shape)
        if mask is not None:
            results["seg_map"] = mask
        return results

    def _decode(self, results: dict) -> tuple[np.ndarray, np.ndarray | None]:
        """Read and compare image and mask."""
        image = read_image(results["img_path"], self.value_range)
        path = results.get("seg_map_path")
        if path is None:
            return image, None
        mask = read_mask(path, results.get("label_rule"))
        check_same_size(path, mask.shape, results["img_path"], image.shape[:2])
        if "classes" in results:
            check_mask(mask, results["classes"], path)
        return image, mask

    def _keep(self, results: dict) -> tuple[np.ndarray, np.ndarray | None]:
        """The sample from the cache, decoded where it is not there."""
        key = tuple(str(results.get(name)) for name in ("img_path", "seg_map_path", "label_rule"))
        if key not in self._kept:
            arrays = self._decode(results)
            for array in arrays:
                if array is not None:
                    array.flags.writeable = False  # later transforms would change the kept pixels
            self._kept[key] = arrays
        self._kept.move_to_end(key)
        if len(self._kept) > self.cache:
            self._kept.popitem(last=False)
        return self._kept[key]

    def __getstate__(self) -> dict:
        """Without kept samples: a worker that gets a copy starts empty."""
        return {**self.__dict__, "_kept": OrderedDict()}

    def __repr__(self) -> str:
        scaled = f", value_range={self.value_range}" if self.value_range else ""
        return f"LoadSample(cache={self.cache}{scaled})"
