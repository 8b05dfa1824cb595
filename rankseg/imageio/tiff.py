# SPDX-License-Identifier: Apache-2.0
"""Stacks of pictures in one TIFF file, read page by page."""

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

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it would log is raised here

DTYPES = ("uint8", "int8", "uint16", "int16")


class TiffStack:
    """The slices of a TIFF file as a sequence of pictures of one size; one page is in memory.

    Metadata of ImageJ, OME and others decide which planes are slices; without any, all pages are,
    see :mod:`rankseg.imageio.tiff_axes`. The headers of all pages are read and compared when the
    file is opened, so that a damaged stack is refused before work begins. A file of one picture is
    a stack of one page; smaller copies of the picture (thumbnails, pyramids) are no pages. Stacks
    above 4 GB as ImageJ writes them, with a header for the first page only, are read too. Not to be
    shared between threads or processes: each opens its own. Usable in a ``with`` statement.

    Args:
        path: The file.
        what: What it is, for messages.
        planes: Which channel, frame and series to read where there are several.

    Attributes:
        path: The file.
        shape: ``(H, W)`` or ``(H, W, C)`` of every page, without transparency.
        dtype: uint8, uint16, int8 or int16. Pages of 1 to 4 bits give uint8.
        bands: Samples of a pixel as stored; of a page in palette colors 3.
        alpha: Position of the sample that is tagged as transparency; None if there is none.
        bits: Of a sample.
        deep: :meth:`image` gives numbers that are not uint8.
        orientation: EXIF orientation of the first page, 1 is upright.
        scale: Axes, pixel size and units.
        channel: Number of the channel that was chosen, from 1; ``None`` if there was no choice.
        chosen: What was chosen, such as ``("channel 2 of 3",)``.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If it may not be read.
        FileError: If it is no TIFF file or damaged, it has several channels, frames or series and
            ``planes`` does not choose, its pages differ in size or kind, or hold anything but
            whole numbers of up to 16 bits.

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
        except Exception as error:  # whatever a file that is none makes of the parser
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
            ``(H, W)`` or ``(H, W, C)``: the stored numbers, of palettes the indices. A sample that
            is tagged as transparency is left out. Where 0 is white, values are inverted, so that 0
            is black.

        Raises:
            IndexError: If there is no such page.
            FileError: If it does not decode, or needs the package imagecodecs for it.
        """
        values, _ = self._stored(page)
        if self.alpha is not None:
            values = np.delete(values, self.alpha, axis=2)
            values = values[..., 0] if values.shape[2] == 1 else values
        return np.ascontiguousarray(values, self.dtype.newbyteorder("="))

    def image(self, page: int, channels: Sequence[int] | None = None) -> np.ndarray:
        """Decode a page as the image that it shows; arguments and errors as ``stack[page]``.

        Args:
            page: Position from 0.
            channels: See :func:`~rankseg.imageio.bands.choose_bands`; counted over all stored
                samples.

        Returns:
            ``(H, W)`` or ``(H, W, 3)``: palettes in their colors, CMYK as RGB, 1 to 4 bits as 0 to
            255, other numbers as stored.
        """
        values, header = self._stored(page)
        values = as_image(values, header)
        name = f"{self.what} {self.path}"
        values = choose_bands(values, channels, self.alpha, name)
        return np.ascontiguousarray(values, values.dtype.newbyteorder("="))

    def _stored(self, page: int) -> tuple[np.ndarray, TiffPage]:
        """All samples of a page, black as 0, and its header."""
        count = len(self)
        if not -count <= page < count:
            raise IndexError(f"{self.what} {self.path} has {count} pages, there is no page {page}")
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
        """Positions of the pages that are slices, and the header of the first.

        Compares the headers of all of them.
        """
        pages, size = self._file.pages, os.path.getsize(self.path)
        headers = ((i, pages.get(i)) for i in range(len(pages)))
        headers = ((i, page) for i, page in headers if not (page.is_reduced or page.is_mask))
        whole = [(i, _kind(page), _end(page)) for i, page in headers]
        if not whole or not self._is_complete() or max(end for _, _, end in whole) > size:
            raise FileError(
                f"{self.what} {self.path} is truncated or damaged: "
                f"{len(whole)} pages were found before its end; copy or save it anew"
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
                    f"{self.what} {self.path}: page {number} is {_words(kind)}, page 1 is "
                    f"{_words(_kind(first))}: expected pages of one size and kind; save the odd "
                    "ones as files of their own"
                )
        return [i for i, _, _ in whole], first

    def _check(self, page: TiffPage) -> None:
        """Refuse pages that are no picture."""
        if page.dtype is None or page.dtype.name not in ("bool", *DTYPES):
            raise FileError(
                f"{self.what} {self.path} holds {page.dtype or 'unknown'} numbers: expected whole "
                "numbers of 8 or 16 bits; convert it (in ImageJ: Image > Type > 8-bit)"
            )
        if page.axes not in ("YX", "YXS", "SYX"):
            raise FileError(
                f"{self.what} {self.path} has pages of the shape {page.shape} (axes {page.axes}): "
                "expected (rows, columns) with one or more channels; save the planes as pages"
            )
        if page.photometric not in COLORS:
            name = getattr(page.photometric, "name", page.photometric)
            raise FileError(
                f"{self.what} {self.path} has colors of the kind {name}: expected gray, RGB, a "
                "palette, CMYK or YCbCr; convert it to RGB"
            )
        if page.imagelength * page.imagewidth > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):
            raise too_large(self.path, self.what)

    def _is_complete(self) -> bool:
        """Whether the chain of pages comes to its end: the last one says that no other follows."""
        width, handle = self._file.tiff.offsetsize, self._file.filehandle
        len(self._file.pages)  # follows the chain
        handle.seek(self._file.pages.next_page_offset)
        return handle.read(width) == bytes(width)

    def _map(self, first: TiffPage) -> np.ndarray | None:
        """The pictures of a file that has one header for all of them, mapped and not read."""
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
            f"{name} {self.path} does not decode ({reason}): expected a TIFF file; copy it anew, "
            "or save it anew in the program that it comes from"
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
    """Where the pixels of a page end in the file."""
    return max(
        (sum(pair) for pair in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0
    )
