# SPDX-License-Identifier: Apache-2.0
"""Decoding of single TIFF pages, as stored and as displayable images."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, PLANARCONFIG, TiffPage

from rankseg.errors import FileError

GRAY_OR_RGB = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)
COLORS = (PHOTOMETRIC.MINISWHITE, *GRAY_OR_RGB, PHOTOMETRIC.PALETTE, PHOTOMETRIC.SEPARATED,
          PHOTOMETRIC.YCBCR)  # fmt: skip
"""Supported color models; others, such as CIELAB, are rejected."""

_ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)


def alpha_of(header: TiffPage) -> int | None:
    """Return the position of the sample tagged as transparency; None if there is none."""
    extra = tuple(header.extrasamples or ())
    first = header.samplesperpixel - len(extra)
    return next((first + i for i, kind in enumerate(extra) if kind in _ALPHA), None)


def decode_page(path: Path, header: TiffPage, name: str) -> np.ndarray:
    """Decode a page with tifffile, or with an exact alternative if tifffile needs imagecodecs.

    Args:
        path: Path of the file.
        header: Header of the page.
        name: Name of the file, for messages.

    Returns:
        ``(H, W)`` or ``(H, W, C)``: the stored numbers of all samples, with palette indices. YCbCr
        is converted to RGB.

    Raises:
        FileError: If decoding needs imagecodecs.
        Exception: Any exception that tifffile raises on damaged data.
    """
    try:
        values = header.asarray()
    except Exception as error:
        needs_codec = isinstance(error, ImportError | NotImplementedError)
        if "imagecodecs" not in str(error) and not needs_codec:
            raise
        values = _with_pillow(path, header)
        values = _with_opencv(path, header) if values is None else values
        if values is None:
            raise FileError(
                f"Expected {name} {path} to be readable without the package imagecodecs, but its "
                f"compression is {_compression(header)}. Run pip install imagecodecs, or save it "
                "uncompressed with 8 or 16 bits."
            ) from error
        return values
    values = samples_last(values, header)
    if header.photometric == PHOTOMETRIC.YCBCR and header.compression != COMPRESSION.JPEG:
        if values.dtype != np.uint8 or values.shape[2:] != (3,):
            raise FileError(
                f"Expected {name} {path} to have three 8-bit channels of YCbCr, but got the shape "
                f"{values.shape} of {values.dtype}. Save it as RGB."
            )
        values = np.asarray(Image.fromarray(values, "YCbCr").convert("RGB"))
    return values


def samples_last(values: np.ndarray, header: TiffPage) -> np.ndarray:
    """Move separately stored planes of a page to the last axis."""
    planes = header.planarconfig == PLANARCONFIG.SEPARATE and values.ndim == 3
    return np.moveaxis(values, 0, -1) if planes else values


def black_is_zero(values: np.ndarray, header: TiffPage) -> np.ndarray:
    """Invert a page if 0 is white."""
    if header.photometric != PHOTOMETRIC.MINISWHITE:
        return values
    if values.dtype.kind == "u" and isinstance(header.bitspersample, int):
        return ((1 << header.bitspersample) - 1) - values
    return ~values


def as_image(values: np.ndarray, header: TiffPage) -> np.ndarray:
    """Convert a page to displayable colors: palettes to colors, CMYK to RGB, few bits to 8.

    Args:
        values: Values from :func:`black_is_zero`.
        header: Header of the page.

    Returns:
        ``(H, W)`` or ``(H, W, C)``.
    """
    if header.photometric == PHOTOMETRIC.PALETTE and header.colormap is not None:
        colors = np.asarray(header.colormap)
        colors = colors >> 8 if colors.max() > 255 else colors  # some writers use 8 bits
        return np.moveaxis(colors.astype(np.uint8), 0, -1)[values.astype(np.intp)]
    if header.photometric == PHOTOMETRIC.SEPARATED and values.shape[2:] == (4,):
        return _cmyk_to_rgb(values)
    bits = header.bitspersample if isinstance(header.bitspersample, int) else 8
    if bits < 8:
        top = (1 << bits) - 1
        return ((values.astype(np.uint16) * 255 + top // 2) // top).astype(np.uint8)
    return values


def _cmyk_to_rgb(values: np.ndarray) -> np.ndarray:
    """Convert ink to RGB on white paper, without a color profile, like libtiff."""
    top = np.iinfo(values.dtype).max
    paper = (top - values).astype(np.uint32)
    return ((paper[..., :3] * paper[..., 3:] + top // 2) // top).astype(values.dtype)


def _with_pillow(path: Path, header: TiffPage) -> np.ndarray | None:
    """Decode with Pillow; return None if it fails or changes the stored numbers."""
    bits = header.bitspersample
    planes = header.planarconfig == PLANARCONFIG.SEPARATE
    multiplied = EXTRASAMPLE.ASSOCALPHA in tuple(header.extrasamples or ())
    if multiplied or (planes and header.samplesperpixel == 2):  # Pillow changes the values
        return None
    try:
        with Image.open(path) as image:
            image.seek(header.index)
            scaled = image.mode == "L" and bits in (2, 4)
            values = np.asarray(image)
    except Exception:
        return None
    if scaled:
        values = values // (255 // ((1 << bits) - 1))
    if header.photometric == PHOTOMETRIC.MINISWHITE and bits in (1, 2, 4, 8):  # Pillow inverts it
        values = ~values if bits in (1, 8) else ((1 << bits) - 1) - values
    return values if _fits(values, header) else None


def _with_opencv(path: Path, header: TiffPage) -> np.ndarray | None:
    """Decode with OpenCV, which is exact for some pages with more samples or bits than Pillow."""
    contiguous = header.planarconfig == PLANARCONFIG.CONTIG
    unmultiplied = EXTRASAMPLE.UNASSALPHA in tuple(header.extrasamples or ())
    exact = {8: not unmultiplied, 16: contiguous}.get(header.bitspersample, False)
    if (
        not exact
        or header.photometric not in GRAY_OR_RGB
        or header.samplesperpixel not in (1, 3, 4)
    ):
        return None
    try:
        _, pages = cv2.imreadmulti(str(path), header.index, 1, flags=cv2.IMREAD_UNCHANGED)
        values = pages[0]
    except (cv2.error, IndexError):
        return None
    if values.ndim == 3:
        values = values[..., [2, 1, 0, 3][: values.shape[2]]]
    return values if _fits(values, header) else None


def _fits(values: np.ndarray, header: TiffPage) -> bool:
    size = (header.imagelength, header.imagewidth)
    wanted = size if header.samplesperpixel == 1 else (*size, header.samplesperpixel)
    return values.shape == wanted and values.dtype == header.dtype


def _compression(header: TiffPage) -> str:
    packed = f" of {header.bitspersample} bits" if header.bitspersample not in (8, 16) else ""
    name = getattr(header.compression, "name", str(header.compression))
    return f"{name}{packed}"
