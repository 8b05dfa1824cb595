# SPDX-License-Identifier: Apache-2.0
"""Pictures to predict: found in a folder, looked at, and read as training reads them."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankseg.datasets.file_checks import THREADS, told
from rankseg.datasets.splits.splits import ENDINGS
from rankseg.imageio.bands import Channels
from rankseg.imageio.image_files import UPRIGHT, open_file
from rankseg.imageio.intensity import ValueCounts
from rankseg.imageio.reading import (
    ImageInfo,
    Range,
    decode_image,
    holds_bands,
    is_tiff,
    look_at,
    read_image,
    tiff_info,
    to_rgb,
)
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import ONLY, Planes
from rankseg.imageio.tiff_scale import Scale

TIFF = (".tif", ".tiff")


class Picture(NamedTuple):
    """A file with one picture, or with a stack of them.

    Attributes:
        path: The file.
        name: Its path below the folder that was given, without its ending.
        height: Pixels of a page.
        width: Pixels of a page.
        pages: Number of pages of a stack; None for a file that holds one picture.
        turned: It has an EXIF orientation, which is not followed.
        scale: Axes, pixel size and units of a stack.
        chosen: What was chosen of a stack, such as ``("channel 2 of 3",)``.
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


def list_images(place: str | Path) -> list[tuple[Path, str]]:
    """The image files of a folder and those below it, or the file itself; with their names.

    Hidden files and folders are left out. Sorted by name, numbers by their value.

    Raises:
        FileNotFoundError: If there is no such file or folder, or no image in it.
        ValueError: If two files differ in their ending alone: their masks would have one name.
    """
    place = Path(place)
    if place.is_file():
        return [(place, place.stem)]
    if not place.is_dir():
        raise FileNotFoundError(f"input {place} does not exist: expected an image or a folder")
    files = walk_images(place)
    if not files:
        raise FileNotFoundError(
            f"input folder {place} holds no image: expected files that end in {', '.join(ENDINGS)}"
        )
    named: dict[str, Path] = {}
    for file in sorted(files, key=_by_number):
        name = file.relative_to(place).with_suffix("").as_posix()
        if name in named:
            raise ValueError(
                f"{named[name]} and {file} would both become the mask {name}: rename one of them, "
                "or move it to a folder of its own"
            )
        named[name] = file
    return [(file, name) for name, file in named.items()]


def walk_images(folder: Path) -> list[Path]:
    """Files that end as images do, of a folder and those below it, also where links lead.

    Hidden files and folders, such as those of thumbnails, are left out.
    """
    return [file for file in walk_files(folder) if file.suffix.lower() in ENDINGS]


def walk_files(folder: Path) -> Iterator[Path]:
    """All files of a folder and those below it, but for hidden ones, also where links lead."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link back to a folder above would never end
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [inner for inner in folders if not inner.startswith(".")]
        yield from (Path(place, file) for file in files if not file.startswith("."))


def _by_number(path: Path) -> list[str | int]:
    """Sort key by which ``slice_10`` comes after ``slice_9``."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def look_at_pictures(
    files: list[tuple[Path, str]], planes: Planes = ONLY, channels: Channels = None
) -> tuple[list[Picture], dict[Path, str]]:
    """Read the headers of files, in threads.

    Args:
        files: Paths and names.
        planes: Which channel, frame and series of stacks to read.
        channels: Bands that are chosen. If there are three, the channels of a hyperstack of one
            slice are bands of one image, unless ``planes`` names a channel.

    Returns:
        The pictures in their order, and what is wrong with the files that are none.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda file: _look(*file, planes, channels), files))
    bad = {file: one for (file, _), one in zip(files, found, strict=True) if isinstance(one, str)}
    return [one for one in found if isinstance(one, Picture)], bad


def _look(path: Path, name: str, planes: Planes, channels: Channels) -> Picture | str:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # neither a table nor a terminal could show it
        return f"image {ascii(str(path))} has a name that is no UTF-8: rename it"
    try:
        with open_file(path) as file:
            tiff = is_tiff(file)
        colored = planes.channel is None and len(channels or ()) == 3
        if not tiff or (colored and holds_bands(path)):
            info = look_at(path, decode=False)
            return Picture(path, name, *info[:2], turned=info.orientation != UPRIGHT, info=info)
        with TiffStack(path, "image", planes) as stack:
            info = tiff_info(stack)
            pages = len(stack) if len(stack) > 1 or stack.chosen else None
            turned = pages is None and info.orientation != UPRIGHT
            return Picture(path, name, *info[:2], pages, turned, stack.scale, stack.chosen, info)
    except (ValueError, OSError) as error:
        return str(error)


class PageReader:
    """Reads pages of pictures as ``(H, W, 3)`` uint8 RGB; a stack stays open until the next one.

    To be used by one thread.

    Args:
        value_range: Values of images of more than 8 bits that become 0 and 255. Without it, images
            of more than 8 bits are refused; see :meth:`find_range`.
        planes: Which channel, frame and series of stacks to read.
        channels: See :func:`~rankseg.imageio.bands.choose_bands`.

    Attributes:
        value_range: As given or found.
        measured: Files from which the range was found; 0 if it was given.
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
        """Find one range for all pictures of more than 8 bits, if none is given.

        All pages are read once, as converters of data sets do it, see
        :mod:`rankseg.imageio.intensity`. Files that do not decode are left out.
        """
        deep = [one for one in pictures if one.info.deep]
        if self.value_range is not None or not deep:
            return
        counts = ValueCounts()

        def add(picture: Picture) -> None:
            with suppress(ValueError, OSError):  # the prediction names it
                counts.add(self._pages(picture))

        with ThreadPoolExecutor(THREADS) as pool:
            for done in told([pool.submit(add, one) for one in deep], "values of deep images"):
                done.result()
        self.value_range, self.measured = counts.range, counts.files

    def _pages(self, picture: Picture) -> Iterator[np.ndarray]:
        """The numbers of all pages, with a stack of their own."""
        if picture.pages is None:
            yield decode_image(picture.path, self.channels)
            return
        with TiffStack(picture.path, "image", self.planes) as stack:
            for page in range(len(stack)):
                yield stack.image(page, self._bands(stack))

    def __call__(self, picture: Picture, page: int = 0) -> np.ndarray:
        """Read a page.

        Raises:
            ValueError, OSError: If it cannot be read, in one sentence.
        """
        if picture.pages is None:
            return read_image(picture.path, self.value_range, self.channels)
        if self._stack is None or self._stack.path != picture.path:
            self.close()
            self._stack = TiffStack(picture.path, "image", self.planes)
        values = self._stack.image(page, self._bands(self._stack))
        return to_rgb(values, f"image {picture.path}", self.value_range)

    def _bands(self, stack: TiffStack) -> Channels:
        """The bands to choose of a page; none where a channel of the stack was chosen."""
        return self.channels if stack.channel is None else None

    def close(self) -> None:
        """Close the stack that is open."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None
