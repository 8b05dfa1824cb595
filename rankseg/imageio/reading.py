# SPDX-License-Identifier: Apache-2.0
"""Reader of all images: tifffile for TIFF, OpenCV for other formats, which it decodes exactly."""

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from rankseg.errors import FileError
from rankseg.imageio.bands import Channels, choose_bands
from rankseg.imageio.image_files import (
    DAMAGED,
    UPRIGHT,
    Header,
    disk_error,
    header_of,
    open_file,
    open_image,
    several_images,
    undecodable,
    unknown_kind,
)
from rankseg.imageio.intensity import FULL, percentile_range, to_8_bits, value_counts
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import ALL, Planes

READ_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
TAIL = 4096  # bytes at the end of a file that are searched for its end mark

_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_8_BITS = ("JPEG", "MPO", "PNG", "BMP", "WEBP", "GIF")  # kinds whose header tells the bits
_BANDS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "LA": 2, "RGBA": 4}
_PNG_BANDS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by color type

ONE_IMAGE = Planes(image=True)
CHANNELS = Planes(channel=ALL, image=True)
"""Planes of a hyperstack with one slice: its channels are the bands of the image."""

Range = tuple[float, float]

if "OPENCV_LOG_LEVEL" not in os.environ:  # the raised error reports a damaged file
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


class ImageInfo(NamedTuple):
    """Properties of an image as integers.

    Attributes:
        height: Height in pixels, as stored.
        width: Width in pixels, as stored.
        orientation: EXIF orientation, 1 is upright.
        bands: Number of samples per pixel, including transparency; 3 for a palette.
        alpha: 1 if the last sample is transparency, else 0.
        bits: Number of bits per sample.
        deep: 1 if it needs a value range to become 8 bits, else 0.
    """

    height: int
    width: int
    orientation: int = UPRIGHT
    bands: int = 3
    alpha: int = 0
    bits: int = 8
    deep: int = 0


def is_tiff(file: BinaryIO) -> bool:
    """Check for TIFF by the first bytes of an open file, and rewind it."""
    mark = file.read(4)
    file.seek(0)
    return mark in _TIFF_MARKS


def decode_image(path: str | Path, channels: Channels = None) -> np.ndarray:
    """Read an image with its numbers as stored.

    Palettes give their colors, CMYK and YCbCr give RGB, and 1 to 4 bits are scaled to 0 to 255. The
    EXIF orientation is ignored, because masks are drawn on the stored pixels and rarely have a tag.

    Args:
        path: Path of the file.
        channels: See :func:`~rankseg.imageio.bands.choose_bands`.

    Returns:
        ``(H, W, 3)``, or ``(H, W)`` for gray TIFF files and for gray of more than 8 bits; uint8,
        uint16, int8 or int16.

    Raises:
        FileNotFoundError: If the file does not exist.
        PermissionError: If the file is not readable.
        FileError: If the file cannot be decoded, is not a single image, is too large, or lacks a
            selected band.
    """
    with open_file(path) as file:
        try:
            content = None if is_tiff(file) else file.read()
        except OSError as error:
            raise disk_error(path, error) from error
    if content is None:
        if channels is None:
            with open_tiff(path) as stack:
                return stack.image(0)
        with open_tiff(path, CHANNELS) as stack:
            if stack.scale.axes != "C" or len(stack.shape) > 2:
                return stack.image(0, channels)
            return choose_bands(np.stack(list(stack), -1), channels, None, f"image {path}")
    return _decode(content, path, channels)


def open_tiff(path: str | Path, planes: Planes = ONE_IMAGE) -> TiffStack:
    """Open a TIFF file with a single image.

    Args:
        path: Path of the file.
        planes: :data:`CHANNELS` reads the channels of a one-slice hyperstack as pages.

    Raises:
        FileError: If the file is damaged, or holds several images.
    """
    stack = TiffStack(path, "image", planes)
    if len(stack) > 1 and not (planes == CHANNELS and stack.scale.axes == "C"):
        stack.close()
        raise several_images(path, len(stack), "TIFF")
    return stack


def _decode(content: bytes, path: str | Path, channels: Channels) -> np.ndarray:
    """Decode a file that is not TIFF."""
    image, header = _open(io.BytesIO(content), path)
    flags = READ_FLAGS if channels is None else cv2.IMREAD_UNCHANGED
    try:
        values = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise undecodable(path, error.err) from error
    if values is None:
        raise undecodable(path, DAMAGED) if header else unknown_kind(content, path)
    if channels is None:
        deep_gray = values.dtype != np.uint8 and image is not None and _bands(image, content)[0] < 3
        return np.ascontiguousarray(values[..., 0]) if deep_gray else values
    if values.ndim == 3:
        values = values[..., [2, 1, 0, 3][: values.shape[2]]]
        if image is not None and _bands(image, content)[0] == 2:  # OpenCV repeats the gray band
            values = values[..., [0, 3]]
    return np.ascontiguousarray(choose_bands(values, channels, None, f"image {path}"))


def _open(file: BinaryIO, path: str | Path) -> tuple[Image.Image | None, Header | None]:
    """Return Pillow's image and its header, or None for formats that only OpenCV may support."""
    try:
        image = open_image(file, path)
        return image, header_of(image, path)
    except UnidentifiedImageError:
        return None, None


def _bands(image: Image.Image, start: bytes) -> tuple[int, int]:
    """Return the number of bands of an image, and 1 if the last one is transparency."""
    bands = _PNG_BANDS.get(start[25], 3) if image.format == "PNG" else _BANDS.get(image.mode, 3)
    keyed = image.format == "PNG" and "transparency" in image.info and bands in (1, 3)
    return bands + keyed, int(keyed or bands in (2, 4))


def read_image_info(path: str | Path, decode: bool = True) -> ImageInfo:
    """Read the properties of an image.

    Args:
        path: Path of the image.
        decode: Decode all pixels as training does, to detect damage. ``False`` decodes only JPEG
            and PNG files without an end mark near their end, and formats whose header lacks the
            number of bits.

    Raises:
        FileNotFoundError: If the file does not exist.
        PermissionError: If the file is not readable.
        ValueError: If the file cannot be decoded, or is not a single image of a reasonable size.
    """
    with open_file(path) as file:
        if is_tiff(file):
            return _read_tiff_info(path, decode)
        start, tail = _ends(file)
        image, header = _open(file, path)
    info = None
    if image is not None and header is not None:
        bits = start[24] if header.kind == "PNG" else 8
        size = header.height, header.width, header.orientation
        info = ImageInfo(*size, *_bands(image, start), bits, int(bits > 8))
    if not decode and info and header.kind in _8_BITS and _has_end(tail, header.kind):
        return info
    values = decode_image(path)
    known = info or ImageInfo(*values.shape[:2])
    bits = known.bits if values.dtype == np.uint8 else 8 * values.itemsize
    size = dict(zip(("height", "width"), values.shape[:2], strict=True))
    return known._replace(**size, bits=bits, deep=int(values.dtype != np.uint8))


def _read_tiff_info(path: str | Path, decode: bool) -> ImageInfo:
    with open_tiff(path, CHANNELS) as stack:
        if decode:
            stack.image(0)
        info = tiff_info(stack)
        return info._replace(bands=len(stack)) if stack.scale.axes == "C" else info


def is_multiband(path: str | Path) -> bool:
    """Return whether a TIFF file is a one-slice hyperstack, so that its channels are bands."""
    try:
        with TiffStack(path, "image", CHANNELS) as stack:
            return stack.scale.axes == "C"
    except FileError:
        return False


def tiff_info(stack: TiffStack) -> ImageInfo:
    """Return the properties of the pages of a TIFF file."""
    alpha = int(stack.alpha is not None)
    kind = stack.orientation, stack.bands, alpha, stack.bits, int(stack.deep)
    return ImageInfo(*stack.shape[:2], *kind)


def _ends(file: BinaryIO) -> tuple[bytes, bytes]:
    """Return the first and last bytes of a file, and rewind it."""
    start = file.read(32).ljust(32, b"\0")
    file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
    tail = file.read()
    file.seek(0)
    return start, tail


def _has_end(tail: bytes, kind: str | None) -> bool:
    """Return whether a JPEG or PNG has its end mark; other formats are assumed to be complete."""
    if kind in ("JPEG", "MPO"):
        # Padding may follow, but no start of a scan: then the end mark would be that of a
        # thumbnail.
        end = tail.rfind(b"\xff\xd9")
        return end >= 0 and b"\xff\xda" not in tail[end:]
    return kind != "PNG" or b"IEND" in tail


def to_rgb(
    values: np.ndarray, name: str = "the image", value_range: Range | None = None
) -> np.ndarray:
    """Convert an image in memory to 8-bit RGB, like :func:`read_image` for a file.

    Args:
        values: ``(H, W)`` or ``(H, W, C)`` integers of 8 or 16 bits. The second of two and the
            fourth of four channels are taken as transparency.
        name: Name of the image, for messages.
        value_range: Values that become 0 and 255, for all types except uint8.

    Returns:
        uint8 ``(H, W, 3)`` RGB.

    Raises:
        FileError: If shape or type are not supported, or a range is needed and none is given.
    """
    if values.ndim not in (2, 3) or values.ndim == 3 and not values.shape[2]:
        raise FileError(
            f"Expected {name} to have the shape (rows, columns), or (rows, columns, 3) in RGB, but "
            f"got {values.shape}. Reorder its axes."
        )
    if values.dtype not in (np.uint8, np.uint16, np.int8, np.int16):
        raise FileError(
            f"Expected {name} to hold uint8 or uint16 numbers, but got {values.dtype}. Scale them "
            "to 0 to 255."
        )
    if not values.size:
        raise FileError(
            f"Expected {name} to have pixels, but its shape is {values.shape}. Remove it."
        )
    values = choose_array_bands(values, name=name)
    if values.dtype != np.uint8:
        if value_range is None:
            raise needs_range(values, name)
        values = to_8_bits(values, value_range)
    if values.ndim == 2:
        return cv2.cvtColor(np.ascontiguousarray(values), cv2.COLOR_GRAY2RGB)
    return values


def choose_array_bands(
    values: np.ndarray, channels: Channels = None, name: str = "the image"
) -> np.ndarray:
    """Select the bands of an image in memory; see :func:`to_rgb`."""
    if values.ndim != 3 or not values.shape[2]:
        return values
    alpha = values.shape[2] - 1 if values.shape[2] in (2, 4) else None
    return choose_bands(values, channels, alpha, name)


def needs_range(values: np.ndarray, name: str) -> FileError:
    """Return the error for an image of more than 8 bits without a value range."""
    example = f"{FULL} for all 16 bits"
    with suppress(ValueError):  # raised if all values are the same
        example = f"{percentile_range(value_counts([values]))} for this image, {example}"
    return FileError(
        f"Expected {name} to hold uint8 numbers or to have a value range, but got {values.dtype} "
        "numbers and no range. Set the values that become black and white, the same for all "
        "images, in LoadSample of all pipelines or with --value-range of predict.py: "
        f"value_range={example}."
    )


def read_image(
    path: str | Path, value_range: Range | None = None, channels: Channels = None
) -> np.ndarray:
    """Read an image file as 8-bit RGB, see :func:`decode_image`.

    Gray is repeated to three channels.

    Args:
        path: Path of the file.
        value_range: Values that become 0 and 255 in images of more than 8 bits, the same for all
            images of a data set; values outside are clipped. Images of 8 bits are not changed.
        channels: One or three band numbers, counted from 1. By default the first three bands, or
            the first of two, without transparency.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        FileNotFoundError: If the file does not exist.
        PermissionError: If the file is not readable.
        ValueError: If the file cannot be decoded, is not a single image, is too large, lacks a
            selected band, or holds more than 8 bits and no range is given.
    """
    return to_rgb(decode_image(path, channels), f"image {path}", value_range)
