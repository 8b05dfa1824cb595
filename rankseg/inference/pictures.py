# SPDX-License-Identifier: Apache-2.0
"""Images to predict: listed from a folder, inspected, and read as in training."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

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


class Picture(NamedTuple):
    """File with one image, or with a stack of images.

    Attributes:
        path: The file.
        name: Path relative to the input folder, without extension.
        height: Height of a page in pixels.
        width: Width of a page in pixels.
        pages: Number of pages of a stack, or None for a file with one image.
        turned: Whether the file has an EXIF orientation, which is not applied.
        scale: Axes, pixel size and units of a stack.
        chosen: Selected parts of a stack, such as ``("channel 2 of 3",)``.
        info: Bands and bits.
    """

    path: Path
    name: str
    height: int
    width: int
    pages: int | None = None
    turned: bool = False
    scale: Scale = Scale()
    chosen: tuple[str, ...] = ()
    info: ImageInfo = ImageInfo(0, 0)


def look_at_pictures(
    files: list[tuple[Path, str]], planes: Planes = ONLY, channels: Channels = None
) -> tuple[list[Picture], dict[Path, str]]:
    """Read the headers of files in threads.

    Args:
        files: Paths and names.
        planes: Channel, frame and series of stacks to read.
        channels: Selected bands. With three, the channels of a hyperstack of one slice are bands of
            one image, unless ``planes`` names a channel.

    Returns:
        The images in order, and an error message for each file that is not readable.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda file: _look(*file, planes, channels), files))
    bad = {file: one for (file, _), one in zip(files, found, strict=True) if isinstance(one, str)}
    return [one for one in found if isinstance(one, Picture)], bad


def _look(path: Path, name: str, planes: Planes, channels: Channels) -> Picture | str:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # no table or terminal could show it
        return f"image {ascii(str(path))} has a name that is no UTF-8: rename it"
    try:
        with open_file(path) as file:
            tiff = is_tiff(file)
        colored = planes.channel is None and len(channels or ()) == 3
        if not tiff or (colored and is_multiband(path)):
            info = read_image_info(path, decode=False)
            return Picture(path, name, *info[:2], turned=info.orientation != UPRIGHT, info=info)
        with TiffStack(path, "image", planes) as stack:
            info = tiff_info(stack)
            pages = len(stack) if len(stack) > 1 or stack.chosen else None
            turned = pages is None and info.orientation != UPRIGHT
            return Picture(path, name, *info[:2], pages, turned, stack.scale, stack.chosen, info)
    except (ValueError, OSError) as error:
        return str(error)


class PageReader:
    """Reader of pages as ``(H, W, 3)`` uint8 RGB, which keeps a stack open until the next one.

    Use it from one thread only.

    Args:
        value_range: Values mapped to 0 and 255 for images of more than 8 bits. Without it, such
            images are refused; see :meth:`find_range`.
        planes: Channel, frame and series of stacks to read.
        channels: See :func:`~rankseg.imageio.bands.choose_bands`.

    Attributes:
        value_range: The given or measured range.
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

    def find_range(self, pictures: Sequence[Picture]) -> None:
        """Measure one range over all images of more than 8 bits, unless it is given.

        This reads all pages once, as the data set converters do; see
        :mod:`rankseg.imageio.intensity`. Unreadable files are skipped.
        """
        deep = [one for one in pictures if one.info.deep]
        if self.value_range is not None or not deep:
            return
        counts = ValueCounts()

        def add(picture: Picture) -> None:
            with suppress(ValueError, OSError):  # the prediction reports the file
                counts.add(self._pages(picture))

        with ThreadPoolExecutor(THREADS) as pool:
            futures = [pool.submit(add, one) for one in deep]
            for done in track(futures, "measuring values of deep images"):
                done.result()
        self.value_range, self.measured = counts.range, counts.files

    def _pages(self, picture: Picture) -> Iterator[np.ndarray]:
        """Yield the values of all pages, opening the stack separately."""
        if picture.pages is None:
            yield decode_image(picture.path, self.channels)
            return
        with TiffStack(picture.path, "image", self.planes) as stack:
            for page in range(len(stack)):
                yield stack.image(page, self._bands(stack))

    def __call__(self, picture: Picture, page: int = 0) -> np.ndarray:
        """Read a page.

        Raises:
            ValueError, OSError: If it cannot be read. The message is one sentence.
        """
        if picture.pages is None:
            return read_image(picture.path, self.value_range, self.channels)
        if self._stack is None or self._stack.path != picture.path:
            self.close()
            self._stack = TiffStack(picture.path, "image", self.planes)
        values = self._stack.image(page, self._bands(self._stack))
        return to_rgb(values, f"image {picture.path}", self.value_range)

    def _bands(self, stack: TiffStack) -> Channels:
        """Return the bands to select from a page, or None if a channel of the stack is selected."""
        return self.channels if stack.channel is None else None

    def close(self) -> None:
        """Close the open stack, if any."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None
