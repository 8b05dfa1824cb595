# SPDX-License-Identifier: Apache-2.0
"""Pictures to predict: found in a folder, looked at, and read as training reads them."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankseg.datasets.checks import look_at
from rankseg.datasets.file_error import FileError
from rankseg.datasets.image_files import UPRIGHT
from rankseg.datasets.intensity import percentile_range, to_8_bits, value_counts
from rankseg.datasets.looking import THREADS, told
from rankseg.datasets.splits import ENDINGS
from rankseg.datasets.tiff import TiffStack
from rankseg.datasets.tiff_axes import ONLY, Planes, PlanesError
from rankseg.datasets.tiff_scale import Scale
from rankseg.datasets.transforms.loading import read_image

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
    """

    path: Path
    name: str
    height: int
    width: int
    pages: int | None = None
    turned: bool = False
    scale: Scale = Scale()
    chosen: tuple[str, ...] = ()


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
    files: list[tuple[Path, str]], planes: Planes = ONLY
) -> tuple[list[Picture], dict[Path, str]]:
    """Read the headers of files, in threads.

    Args:
        files: Paths and names.
        planes: Which channel, frame and series of stacks to read.

    Returns:
        The pictures in their order, and what is wrong with the files that are none.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda file: _look(*file, planes), files))
    bad = {file: one for (file, _), one in zip(files, found, strict=True) if isinstance(one, str)}
    return [one for one in found if isinstance(one, Picture)], bad


def _look(path: Path, name: str, planes: Planes) -> Picture | str:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # neither a table nor a terminal could show it
        return f"image {ascii(str(path))} has a name that is no UTF-8: rename it"
    no_stack = ""
    if path.suffix.lower() in TIFF:  # the first page of a stack would pass as a picture
        try:
            with TiffStack(path, "image", planes) as stack:
                if len(stack) > 1 or stack.chosen:
                    size, pages = stack.shape[:2], len(stack)
                    return Picture(path, name, *size, pages, False, stack.scale, stack.chosen)
        except PlanesError as error:
            return str(error)
        except (ValueError, OSError) as error:
            no_stack = str(error)
    try:
        height, width, orientation = look_at(path, decode=False)
        return Picture(path, name, height, width, turned=orientation != UPRIGHT)
    except (ValueError, OSError) as error:
        return no_stack or str(error)


class PageReader:
    """Reads pages of pictures as ``(H, W, 3)`` uint8 RGB; a stack stays open until the next one.

    To be used by one thread.

    Args:
        value_range: Values of images of 16 bits that become 0 and 255. Without it single images
            keep their high byte, and stacks are scaled as the converters of data sets do it, see
            :mod:`rankseg.datasets.intensity`: all pages are read once before the first is given.
        planes: Which channel, frame and series of stacks to read.

    Attributes:
        own_ranges: The ranges of stacks that were scaled by their own, by their paths.
    """

    def __init__(
        self, value_range: tuple[float, float] | None = None, planes: Planes = ONLY
    ) -> None:
        self.value_range, self.planes = value_range, planes
        self.own_ranges: dict[Path, tuple[int, int]] = {}
        self._stack: TiffStack | None = None
        self._range: tuple[float, float] | None = None

    def __call__(self, picture: Picture, page: int = 0) -> np.ndarray:
        """Read a page.

        Raises:
            ValueError, OSError: If it cannot be read, in one sentence.
        """
        if picture.pages is None:
            return read_image(picture.path, self.value_range)
        if self._stack is None or self._stack.path != picture.path:
            self.close()
            stack = TiffStack(picture.path, "image", self.planes)
            try:
                self._range = self._range_of(stack)
            except BaseException:
                stack.close()
                raise
            self._stack = stack
        values = self._stack.image(page)
        return to_rgb(values if self._range is None else to_8_bits(values, self._range))

    def _range_of(self, stack: TiffStack) -> tuple[float, float] | None:
        """The range of values of a stack; None for 8 bits, which stay as they are."""
        if not stack.deep:
            return None
        if self.value_range:
            return self.value_range
        numbers = told(range(len(stack)), f"gray values of all pages of {stack.path}")
        pages = (stack.image(number) for number in numbers)
        try:
            own = percentile_range(value_counts(pages, stack.dtype), stack.dtype)
        except ValueError as error:
            raise FileError(f"image {stack.path}: {error}") from error
        self.own_ranges[stack.path] = own
        return own

    def close(self) -> None:
        """Close the stack that is open."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None


def to_rgb(
    values: np.ndarray,
    name: str = "the image",
    value_range: tuple[float, float] | None = None,
) -> np.ndarray:
    """An image in memory as :func:`~rankseg.datasets.transforms.loading.read_image` reads a file.

    Args:
        values: ``(H, W)``, ``(H, W, 1)``, or ``(H, W, 3)`` RGB, or ``(H, W, 4)`` with alpha, which
            is dropped; uint8 or uint16.
        name: What it is, for messages.
        value_range: Values of uint16 that become 0 and 255; without it the high byte is kept.

    Returns:
        uint8 ``(H, W, 3)`` RGB.

    Raises:
        FileError: If shape or type are others.
    """
    if values.ndim not in (2, 3) or values.ndim == 3 and values.shape[2] not in (1, 3, 4):
        raise FileError(
            f"{name} has the shape {values.shape}: expected (rows, columns), or (rows, columns, 3) "
            "in RGB"
        )
    if values.dtype == np.uint16:
        scaled = values >> 8 if value_range is None else to_8_bits(values, value_range)
        values = scaled.astype(np.uint8)
    if values.dtype != np.uint8:
        raise FileError(
            f"{name} holds {values.dtype} numbers: expected uint8 or uint16; scale them to 0..255"
        )
    if not values.size:
        raise FileError(f"{name} has no pixels: its shape is {values.shape}")
    if values.ndim == 2:
        values = values[..., None]
    return np.repeat(values, 3, 2) if values.shape[2] == 1 else values[..., :3]
