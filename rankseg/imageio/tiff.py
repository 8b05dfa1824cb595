# SPDX-License-Identifier: Apache-2.0
"""Page-by-page reader of image stacks in one TIFF file."""

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from rankseg.errors import FileError
from rankseg.imageio.bands import choose_bands
from rankseg.imageio.image_files import ORIENTATION, UPRIGHT, open_file, too_large
from rankseg.imageio.tiff_axes import ONLY, Planes, find_slices
from rankseg.imageio.tiff_pixels import (
    COLORS,
    alpha_of,
    as_image,
    black_is_zero,
    decode_page,
    samples_last,
)
from rankseg.imageio.tiff_scale import read_scale

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # errors are raised here instead

DTYPES = ("uint8", "int8", "uint16", "int16")


class TiffStack:
    """Sequence of the slices of a TIFF file, all of one size, with one page in memory at a time.

    The metadata of ImageJ, OME and others define which planes are slices; without metadata all
    pages are, see :mod:`rankseg.imageio.tiff_axes`. The headers of all pages are read and compared
    when the file is opened, so that a damaged stack is rejected early. A file with one image is a
    stack of one page; smaller copies of the image (thumbnails, pyramids) are not pages. ImageJ
    stacks above 4 GB, which have a header only for the first page, are supported. Do not share an
    object between threads or processes: each must open its own. Supports the ``with`` statement.

    Args:
        path: Path of the file.
        what: Name of the file type, for messages.
        planes: Channel, frame and series to read if there are several.

    Attributes:
        path: Path of the file.
        shape: ``(H, W)`` or ``(H, W, C)`` of every page, without transparency.
        dtype: uint8, uint16, int8 or int16. Pages of 1 to 4 bits give uint8.
        bands: Number of stored samples per pixel; 3 for a palette page.
        alpha: Position of the sample tagged as transparency; None if there is none.
        bits: Number of bits per sample.
        deep: Whether :meth:`image` returns other types than uint8.
        orientation: EXIF orientation of the first page, 1 is upright.
        scale: Axes, pixel size and units.
        channel: Number of the selected channel, from 1; ``None`` if there was only one choice.
        chosen: Description of the selection, such as ``("channel 2 of 3",)``.

    Raises:
        FileNotFoundError: If the file does not exist.
        PermissionError: If the file is not readable.
        FileError: If it is not a TIFF file or is damaged, it has several channels, frames or series
            and ``planes`` does not select one, its pages differ in size or kind, or it holds
            anything but integers of up to 16 bits.

    Example:
        >>> with TiffStack("training.tif") as stack:  # doctest: +SKIP
        ...     sizes = len(stack), stack.shape
        ...     first = stack[0]
    """

    def __init__(self, path: str | Path, what: str = "stack", planes: Planes = ONLY) -> None:
        self.path, self.what = Path(path), what
        open_file(path, what).close()
        try:
            self._file = TiffFile(self.path)
        except Exception as error:  # the parser raises many types on invalid files
            raise self._damaged(what, error) from error
        try:
            self._pages, first = self._look(planes)
            self._virtual = self._map(first)
            self.scale = read_scale(self._file, self._slices, first)
            self.channel, self.chosen = self._slices.channel, self._slices.chosen
        except FileError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise self._damaged(what, error) from error
        self.alpha = alpha_of(first)
        self.shape = _shape(first)
        self.dtype = np.dtype(np.uint8 if first.dtype == np.bool_ else first.dtype)
        in_colors = first.photometric == PHOTOMETRIC.PALETTE
        self.bands = 3 if in_colors else first.samplesperpixel
        self.bits = 8 if in_colors else _bits(first)
        self.deep = not in_colors and self.dtype != np.uint8
        self.orientation = _orientation(first)

    def __len__(self) -> int:
        if self._slices.places is not None:
            return len(self._slices.places)
        return len(self._pages) if self._virtual is None else len(self._virtual)

    def __getitem__(self, page: int) -> np.ndarray:
        """Decode a page, counted from 0, or from the end if negative.

        Returns:
            ``(H, W)`` or ``(H, W, C)``: the stored numbers, or the indices of a palette. A sample
            tagged as transparency is omitted. If 0 is white, values are inverted, so that 0 is
            black.

        Raises:
            IndexError: If the page does not exist.
            FileError: If the page cannot be decoded, or decoding needs the package imagecodecs.
        """
        values, _ = self._stored(page)
        if self.alpha is not None:
            values = np.delete(values, self.alpha, axis=2)
            values = values[..., 0] if values.shape[2] == 1 else values
        return np.ascontiguousarray(values, self.dtype.newbyteorder("="))

    def image(self, page: int, channels: Sequence[int] | None = None) -> np.ndarray:
        """Decode a page as a displayable image; errors as in ``stack[page]``.

        Args:
            page: Position from 0, or from the end if negative.
            channels: See :func:`~rankseg.imageio.bands.choose_bands`; counts all stored samples.

        Returns:
            ``(H, W)`` or ``(H, W, 3)``: palettes in their colors, CMYK as RGB, 1 to 4 bits scaled
            to 0 to 255, other numbers as stored.
        """
        values, header = self._stored(page)
        values = as_image(values, header)
        name = f"{self.what} {self.path}"
        values = choose_bands(values, channels, self.alpha, name)
        return np.ascontiguousarray(values, values.dtype.newbyteorder("="))

    def _stored(self, page: int) -> tuple[np.ndarray, TiffPage]:
        """Return all samples of a page, with black as 0, and its header."""
        count = len(self)
        if not -count <= page < count:
            raise IndexError(
                f"Expected a page from 0 to {count - 1} of {self.what} {self.path}, but got {page}."
            )
        page %= count
        if self._virtual is not None:
            place = self._slices.places[page] if self._slices.places else page
            header = self._file.pages.first
            values = samples_last(np.array(self._virtual[place]), header)
        else:
            header = self._file.pages.get(self._pages[page])
            name = self.what if count == 1 else f"page {page + 1} of {self.what}"
            try:
                values = decode_page(self.path, header, name)
            except FileError:
                raise
            except Exception as error:
                raise self._damaged(name, error) from error
        return black_is_zero(values, header), header

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "TiffStack":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _look(self, planes: Planes) -> tuple[list[int], TiffPage]:
        """Compare all headers; return the positions of the slices, and the first header."""
        pages, size = self._file.pages, os.path.getsize(self.path)
        headers = ((i, pages.get(i)) for i in range(len(pages)))
        headers = ((i, page) for i, page in headers if not (page.is_reduced or page.is_mask))
        whole = [(i, _kind(page), _end(page)) for i, page in headers]
        if not whole or not self._is_complete() or max(end for _, _, end in whole) > size:
            raise FileError(
                f"Expected {self.what} {self.path} to be complete, but it is truncated or damaged: "
                f"only {len(whole)} pages can be found. Copy or save it again."
            )
        self._slices = find_slices(self._file, planes, f"{self.what} {self.path}")
        if self._slices.places is not None:
            series = self._file.series[self._slices.series]
            places = [0] if series.is_truncated else self._slices.places
            headers = {header[0]: header for header in whole}
            whole = [headers[series[place].index] for place in places]
        first = pages.get(whole[0][0])
        self._check(first)
        for number, (_, kind, _) in enumerate(whole, start=1):
            if kind != _kind(first):
                raise FileError(
                    f"Expected all pages of {self.what} {self.path} to have one size and type, but "
                    f"page {number} is {_words(kind)}, and page 1 is {_words(_kind(first))}. Save "
                    "different pages as separate files."
                )
        return [i for i, _, _ in whole], first

    def _check(self, page: TiffPage) -> None:
        """Reject pages that are not images."""
        if page.dtype is None or page.dtype.name not in ("bool", *DTYPES):
            raise FileError(
                f"Expected {self.what} {self.path} to hold integers of 8 or 16 bits, but got "
                f"{page.dtype or 'unknown'} numbers. Convert it (in ImageJ: Image > Type > 8-bit)."
            )
        if page.axes not in ("YX", "YXS", "SYX"):
            raise FileError(
                f"Expected the pages of {self.what} {self.path} to have the shape (rows, columns) "
                f"with one or more channels, but got {page.shape} (axes {page.axes}). Save the "
                "planes as pages."
            )
        if page.photometric not in COLORS:
            name = getattr(page.photometric, "name", page.photometric)
            raise FileError(
                f"Expected {self.what} {self.path} to be gray, RGB, CMYK, YCbCr or to have a "
                f"palette, but got colors of type {name}. Convert it to RGB."
            )
        if page.imagelength * page.imagewidth > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):
            raise too_large(self.path, self.what)

    def _is_complete(self) -> bool:
        """Return whether the page chain ends properly: the last page has no successor."""
        width, handle = self._file.tiff.offsetsize, self._file.filehandle
        len(self._file.pages)  # follows the page chain
        handle.seek(self._file.pages.next_page_offset)
        return handle.read(width) == bytes(width)

    def _map(self, first: TiffPage) -> np.ndarray | None:
        """Memory-map the images of a file that has a single header for all of them."""
        if len(self._pages) > 1:
            return None
        series = self._file.series[self._slices.series]
        if self._slices.places is not None and not series.is_truncated:
            return None
        count = series.size // first.size
        if count < 2 or series.dataoffset is None:
            return None
        kind = first.dtype.newbyteorder(self._file.byteorder)
        shape = (count, *first.shape)
        return np.memmap(self.path, kind, "r", series.dataoffset, shape)

    def _damaged(self, name: str, error: Exception) -> FileError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return FileError(
            f"Expected {name} {self.path} to be a valid TIFF file, but it cannot be decoded "
            f"({reason}). Copy it again, or save it again in the program that created it."
        )


def _shape(page: TiffPage) -> tuple[int, ...]:
    bands = page.samplesperpixel - (alpha_of(page) is not None)
    size = (page.imagelength, page.imagewidth)
    return size if bands == 1 else (*size, bands)


def _bits(page: TiffPage) -> int:
    return page.bitspersample if isinstance(page.bitspersample, int) else 8  # such as RGB 5-6-5


def _orientation(page: TiffPage) -> int:
    tag = page.tags.get(ORIENTATION)
    value = tag.value if tag is not None else UPRIGHT
    return int(value) if value in range(1, 9) else UPRIGHT


def _kind(page: TiffPage) -> tuple:
    return (*page.shape, str(page.dtype))


def _words(kind: tuple) -> str:
    return f"{'x'.join(str(n) for n in kind[:-1])} of {kind[-1]}"


def _end(page: TiffPage) -> int:
    """Return the end offset of the pixels of a page in the file."""
    return max(
        (sum(pair) for pair in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0
    )
