# SPDX-License-Identifier: Apache-2.0
"""Transform that loads an image and its mask."""

from collections import OrderedDict

import numpy as np
from mmcv.transforms import BaseTransform

from rankseg.imageio.bands import Channels, check_channels
from rankseg.imageio.masks import check_mask, check_same_size, read_mask
from rankseg.imageio.reading import Range, read_image
from rankseg.registry import TRANSFORMS


def check_range(value_range: object, name: str) -> Range | None:
    """Check a range of values.

    Args:
        value_range: Two increasing numbers, or None.
        name: Name of the option, for messages.

    Raises:
        ValueError: If it is neither.
    """
    if value_range is None:
        return None
    if len(value_range) != 2 or not value_range[0] < value_range[1]:
        raise ValueError(
            f"Expected {name} to be two increasing numbers, black and white, such as (0, 4095), "
            f"but got {value_range}."
        )
    return tuple(value_range)


class ImageLoader(BaseTransform):
    """Base class of transforms that load an image.

    Args:
        value_range: See :class:`LoadSample`.
        channels: See :class:`LoadSample`.
    """

    def __init__(self, value_range: Range | None = None, channels: Channels = None) -> None:
        name = type(self).__name__
        self.value_range = check_range(value_range, f"value_range of {name}")
        self.channels = check_channels(channels, f"channels of {name}")


@TRANSFORMS.register_module()
class LoadSample(ImageLoader):
    """Load the image and, if the sample names one, its mask.

    Reads ``img_path``, ``seg_map_path`` (if it is absent or ``None``, no mask is opened),
    ``label_rule`` (see :func:`rankseg.imageio.masks.read_mask`) and ``classes`` (if it is absent,
    mask values are not checked). Sets ``img`` (``(H, W, 3)`` uint8 RGB), ``seg_map`` (``(H, W)``
    uint8, only with a mask), and ``ori_shape`` and ``img_shape`` as ``(H, W)``.

    Args:
        cache: Number of decoded samples that every worker keeps (least recently used are dropped
            first). Useful for a few large images if all of them fit: set it to the length of the
            list. Takes 4 bytes per pixel (3 without a mask) for each sample and worker: 4 MiB for
            1024x1024. Cached arrays are read-only. 0 disables the cache.
        value_range: Values that become black and white in images of more than 8 bits, such as
            ``(0, 4095)`` for a 12-bit camera, or ``(0, 65535)`` for the high byte of 16 bits.
            Without it such images are rejected. Must be the same in all pipelines of a config.
        channels: Bands that become gray, or red, green and blue: one or three numbers, counted from
            1, such as ``(4, 1, 2)`` for near infrared, red and green. By default the first three
            bands, or the first of two, without transparency. Must be the same in all pipelines of a
            config.

    Raises:
        FileNotFoundError: If the image or the mask does not exist.
        ValueError: If a file cannot be decoded, the sizes differ, the mask holds a value that is
            neither a class nor 255, or an image has more than 8 bits and no range is given; if
            ``cache`` is negative, the range is not two increasing numbers, or ``channels`` are not
            band numbers.
    """

    def __init__(
        self, cache: int = 0, value_range: Range | None = None, channels: Channels = None
    ) -> None:
        if not isinstance(cache, int) or cache < 0:
            raise ValueError(
                f"Expected cache of LoadSample to be a number of samples >= 0, but got {cache!r}."
            )
        self.cache = cache
        super().__init__(value_range, channels)
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
        image = read_image(results["img_path"], self.value_range, self.channels)
        path = results.get("seg_map_path")
        if path is None:
            return image, None
        mask = read_mask(path, results.get("label_rule"))
        check_same_size(path, mask.shape, results["img_path"], image.shape[:2])
        if "classes" in results:
            check_mask(mask, results["classes"], path)
        return image, mask

    def _keep(self, results: dict) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the sample from the cache; decode it if it is not cached."""
        key = tuple(str(results.get(name)) for name in ("img_path", "seg_map_path", "label_rule"))
        if key not in self._kept:
            arrays = self._decode(results)
            for array in arrays:
                if array is not None:
                    array.flags.writeable = False  # protects the cache from later transforms
            self._kept[key] = arrays
        self._kept.move_to_end(key)
        if len(self._kept) > self.cache:
            self._kept.popitem(last=False)
        return self._kept[key]

    def __getstate__(self) -> dict:
        """Return the state without cached samples, so that a copy in a worker starts empty."""
        return {**self.__dict__, "_kept": OrderedDict()}

    def __repr__(self) -> str:
        scaled = f", value_range={self.value_range}" if self.value_range else ""
        chosen = f", channels={self.channels}" if self.channels else ""
        return f"LoadSample(cache={self.cache}{scaled}{chosen})"
