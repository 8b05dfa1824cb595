# SPDX-License-Identifier: Apache-2.0
"""Images to predict: headers read in threads, and pages read as in training."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankseg.datasets.checks import evenly_spaced
from rankseg.datasets.file_checks import THREADS
from rankseg.imageio.bands import Channels
from rankseg.imageio.image_files import UPRIGHT, open_file
from rankseg.imageio.intensity import ValueCounts
from rankseg.imageio.reading import (
    ImageInfo,
    Range,
    decode_image,
    is_multiband,
    is_tiff,
    read_image,
    read_image_info,
    tiff_info,
    to_rgb,
)
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import ONLY, Planes
from rankseg.imageio.tiff_scale import Scale
from rankseg.utils.progress import track


class ImageFile(NamedTuple):
    """File with one image, or with a stack of images.

    Attributes:
        path: The file.
        name: Path relative to the input folder, without extension.
        height: Height of a page in pixels.
        width: Width of a page in pixels.
        pages: Number of pages of a stack, or None for a file with one image.
        oriented: Whether the file has an EXIF orientation, which is not applied.
        scale: Axes, pixel size and units of a stack.
        chosen: Selected parts of a stack, such as ``("channel 2 of 3",)``.
        info: Bands and bits.
    """

    path: Path
    name: str
    height: int
    width: int
    pages: int | None = None
    oriented: bool = False
    scale: Scale = Scale()
    chosen: tuple[str, ...] = ()
    info: ImageInfo = ImageInfo(0, 0)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a page."""
        return self.height, self.width

    @property
    def pixels(self) -> int:
        """Number of pixels of all pages."""
        return self.height * self.width * (self.pages or 1)


class Page(NamedTuple):
    """Page of an image file, counted from 0."""

    file: ImageFile
    number: int

    @property
    def cells(self) -> list[str | int]:
        """Table cells: the path relative to the input folder, and the page of a stack from 1."""
        counted = "" if self.file.pages is None else self.number + 1
        return [f"{self.file.name}{self.file.path.suffix}", counted]

    @property
    def label(self) -> str:
        """Name of the page on the overview."""
        name = self.file.name
        return name if self.file.pages is None else f"{name}, page {self.number + 1}"

    @property
    def view_name(self) -> str:
        """Name of the files for viewing, without extension."""
        if self.file.pages is None:
            return self.file.name
        return f"{self.file.name}/{self.number + 1:0{len(str(self.file.pages))}}"


def pages_of(*files: ImageFile) -> list[Page]:
    """Return all pages of files."""
    return [Page(file, number) for file in files for number in range(file.pages or 1)]


def choose_pages(files: Sequence[ImageFile], count: int) -> set[Page]:
    """Return at most ``count`` evenly spaced pages of all files."""
    pages = pages_of(*files)
    return {pages[i] for i in evenly_spaced(len(pages), count)}


def inspect_images(
    files: list[tuple[Path, str]], planes: Planes = ONLY, channels: Channels = None
) -> tuple[list[ImageFile], dict[Path, str]]:
    """Read the headers of files in threads.

    With three channels, those of a hyperstack of one slice are bands of one image, unless
    ``planes`` names a channel.

    Returns:
        The images in order, and an error message for each file that is not readable.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda file: _inspect(*file, planes, channels), files))
    bad = {file: one for (file, _), one in zip(files, found, strict=True) if isinstance(one, str)}
    return [one for one in found if isinstance(one, ImageFile)], bad


def _inspect(path: Path, name: str, planes: Planes, channels: Channels) -> ImageFile | str:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # no table or terminal could show it
        return f"Expected a file name in UTF-8, but got image {ascii(str(path))}. Rename it."
    try:
        with open_file(path) as file:
            tiff = is_tiff(file)
        colored = planes.channel is None and len(channels or ()) == 3
        if not tiff or (colored and is_multiband(path)):
            info = read_image_info(path, decode=False)
            oriented = info.orientation != UPRIGHT
            return ImageFile(path, name, *info[:2], oriented=oriented, info=info)
        with TiffStack(path, "image", planes) as stack:
            info = tiff_info(stack)
            pages = len(stack) if len(stack) > 1 or stack.chosen else None
            oriented = pages is None and info.orientation != UPRIGHT
            size = info[:2]
            return ImageFile(path, name, *size, pages, oriented, stack.scale, stack.chosen, info)
    except (ValueError, OSError) as error:
        return str(error)


class PageReader:
    """Reader of pages as ``(H, W, 3)`` uint8 RGB, which keeps a stack open until the next one.

    Use it from one thread only. The value range is mapped to 0 and 255 in images of more than 8
    bits; without one, they are refused, see :meth:`find_range`.

    Attributes:
        measured: Number of files that the range was measured from; 0 if it was given.
    """

    def __init__(
        self,
        value_range: Range | None = None,
        planes: Planes = ONLY,
        channels: Channels = None,
    ) -> None:
        self.value_range, self.planes, self.channels = value_range, planes, channels
        self.measured = 0
        self._stack: TiffStack | None = None

    def find_range(self, files: Sequence[ImageFile]) -> None:
        """Measure one range over all images of more than 8 bits, unless it is given.

        This reads all pages once, as the data set converters do; see
        :mod:`rankseg.imageio.intensity`. Unreadable files are skipped.
        """
        deep = [one for one in files if one.info.deep]
        if self.value_range is not None or not deep:
            return
        counts = ValueCounts()

        def add(file: ImageFile) -> None:
            with suppress(ValueError, OSError):  # the prediction reports the file
                counts.add(self._values(file))

        with ThreadPoolExecutor(THREADS) as pool:
            futures = [pool.submit(add, one) for one in deep]
            for future in track(futures, "measuring values of deep images"):
                future.result()
        self.value_range, self.measured = counts.range, counts.files

    def _values(self, file: ImageFile) -> Iterator[np.ndarray]:
        """Yield the values of all pages, opening the stack separately."""
        if file.pages is None:
            yield decode_image(file.path, self.channels)
            return
        with TiffStack(file.path, "image", self.planes) as stack:
            for page in range(len(stack)):
                yield stack.image(page, self._bands(stack))

    def __call__(self, file: ImageFile, page: int = 0) -> np.ndarray:
        """Read a page.

        Raises:
            ValueError, OSError: If it cannot be read. The message is one sentence.
        """
        if file.pages is None:
            return read_image(file.path, self.value_range, self.channels)
        if self._stack is None or self._stack.path != file.path:
            self.close()
            self._stack = TiffStack(file.path, "image", self.planes)
        values = self._stack.image(page, self._bands(self._stack))
        return to_rgb(values, f"image {file.path}", self.value_range)

    def _bands(self, stack: TiffStack) -> Channels:
        """Return the bands to select from a page, or None if a channel of the stack is selected."""
        return self.channels if stack.channel is None else None

    def close(self) -> None:
        """Close the open stack, if any."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None
