# SPDX-License-Identifier: Apache-2.0
"""Stacks of pictures in one TIFF file, read page by page."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from rankseg.datasets.file_error import FileError
from rankseg.datasets.image_files import open_file
from rankseg.datasets.tiff_axes import ONLY, Planes, find_slices
from rankseg.datasets.tiff_scale import read_scale

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it would log is raised here

DTYPES = ("uint8", "int8", "uint16", "int16")
COLOURS = (3, 4)  # samples of a pixel with colours, the fourth being transparency


class TiffStack:
    """The slices of a TIFF file as a sequence of pictures of one size; one page is in memory.

    Metadata of ImageJ, OME and others decide which planes are slices; without any, all pages are,
    see :mod:`rankseg.datasets.tiff_axes`. The headers of all pages are read and compared when the
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
        shape: ``(H, W)`` or ``(H, W, 3)`` of every page.
        dtype: uint8, uint16, int8 or int16. Pages of 1 to 4 bits give uint8.
        scale: Axes, pixel size and units.
        chosen: What was chosen, such as ``("channel 2 of 3",)``.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If it may not be read.
        FileError: If it is no TIFF file or damaged, it has several channels, frames or series and
            ``planes`` does not choose, its pages differ in size or kind, or hold anything but
            whole numbers of up to 16 bits in one, three or four channels.

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
            self.chosen = self._slices.chosen
        except FileError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise self._damaged(what, error) from error
        self.shape = _shape(first)
        self.dtype = np.dtype(np.uint8 if first.dtype == np.bool_ else first.dtype)

    def __len__(self) -> int:
        if self._slices.places is not None:
            return len(self._slices.places)
        return len(self._pages) if self._virtual is None else len(self._virtual)

    def __getitem__(self, page: int) -> np.ndarray:
        """Read a page, counted from 0, or from the end if negative.

        Returns:
            ``(H, W)`` or ``(H, W, 3)``: the stored numbers, of palettes the indices. Transparency
            is dropped. 1 and 8 bits where 0 is white are inverted, so that 0 is black.

        Raises:
            IndexError: If there is no such page.
            FileError: If it does not decode, or needs the package imagecodecs for it.
        """
        count = len(self)
        if not -count <= page < count:
            raise IndexError(f"{self.what} {self.path} has {count} pages, there is no page {page}")
        page %= count
        if self._virtual is not None:
            place = self._slices.places[page] if self._slices.places else page
            values, header = np.array(self._virtual[place]), self._file.pages.first
        else:
            header = self._file.pages.get(self._pages[page])
            values = self._decode(header, page)
        if header.planarconfig == 2 and values.ndim == 3:  # planes of colour, one after another
            values = np.moveaxis(values, 0, -1)
        if values.ndim == 3:
            values = values[..., :3]
        if header.photometric == PHOTOMETRIC.MINISWHITE and values.dtype.itemsize == 1:
            values = ~values
        return np.ascontiguousarray(values, self.dtype.newbyteorder("="))

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
        whole = [(i, _kind(page), _end(page)) for i, page in headers if not page.is_reduced]
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
        if page.axes not in ("YX", "YXS", "SYX") or (
            page.axes != "YX" and page.samplesperpixel not in COLOURS
        ):
            raise FileError(
                f"{self.what} {self.path} has pages of the shape {page.shape} (axes {page.axes}): "
                "expected grey pages, or RGB with or without transparency; split the channels"
            )

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

    def _decode(self, header: TiffPage, page: int) -> np.ndarray:
        """Pixels of a page; what tifffile cannot unpack without imagecodecs Pillow mostly can."""
        name = f"page {page + 1} of {self.what}"
        try:
            return header.asarray()
        except Exception as error:
            if "imagecodecs" not in str(error) and not isinstance(error, ImportError):
                raise self._damaged(name, error) from error
            values = self._decode_with_pillow(header)
            if values is None:
                raise FileError(
                    f"{name} {self.path} is compressed by {header.compression.name}, which needs "
                    "the package imagecodecs: pip install imagecodecs, or save the stack "
                    "uncompressed"
                ) from error
            return values

    def _decode_with_pillow(self, header: TiffPage) -> np.ndarray | None:
        """Pixels of a page; None if Pillow cannot read them either, or makes others of them."""
        try:
            with Image.open(self.path) as image:
                image.seek(header.index)
                values = np.asarray(image)
        except Exception:
            return None
        same = values.shape == _shape(header) and values.dtype == header.dtype
        black_is_zero = header.photometric != PHOTOMETRIC.MINISWHITE  # Pillow inverts some of these
        return values if same and black_is_zero else None

    def _damaged(self, name: str, error: Exception) -> FileError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return FileError(
            f"{name} {self.path} does not decode ({reason}): expected a TIFF file; copy it anew, "
            "or save it anew in the program that it comes from"
        )


def _shape(page: TiffPage) -> tuple[int, ...]:
    size = (page.imagelength, page.imagewidth)
    return size if page.axes == "YX" else (*size, 3)


def _kind(page: TiffPage) -> tuple:
    return (*page.shape, str(page.dtype))


def _words(kind: tuple) -> str:
    return f"{'x'.join(str(n) for n in kind[:-1])} of {kind[-1]}"


def _end(page: TiffPage) -> int:
    """Where the pixels of a page end in the file."""
    return max(
        (sum(pair) for pair in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0
    )
