# SPDX-License-Identifier: Apache-2.0
"""Output files of a prediction, each written atomically."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from tifffile import TiffFile, TiffWriter

from rankseg.imageio.masks import IGNORE, read_mask
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import ALL, Planes
from rankseg.inference.maps import Maps
from rankseg.inference.pictures import Picture
from rankseg.utils.atomic_file import WriteError, atomic_write, describe
from rankseg.visualization.overlay import draw_seen_through
from rankseg.visualization.panel import encode, fit

LARGEST = 8192  # longest side of an overlay: for viewing only, and JPEG is limited to 65,500
BAND = 512  # rows that are colored at once
CLASSIC = 2**32 - 2**25  # bytes that a classic TIFF file can hold
COLOURS = 256
IN_MEMORY = 2**28  # bytes of probabilities above which they are kept in a file

WRITTEN = Planes(channel=ALL, frame=ALL, masks=True)
"""All slices of a stack of masks that a prediction wrote."""

PutPage = Callable[[int, np.ndarray, Maps], None]


class Outputs(NamedTuple):
    """Kinds of output files to write.

    Attributes:
        overlays: ``overlays/NAME.jpg``, the mask over its image.
        probabilities: ``probabilities/NAME.tif``, float16 ``(K, H, W)``.
        uncertainty: ``uncertainty/NAME.png`` for viewing, and ``NAME.tif``, float32.
        binary_255: Write masks of two classes as 0 and 255 instead of 0 and 1.
    """

    overlays: bool = True
    probabilities: bool = False
    uncertainty: bool = False
    binary_255: bool = False


class PredictionFiles:
    """Writer of ``masks/NAME.png``, or ``masks/NAME.tif`` for a stack, and of the other outputs.

    The mask is written last: if it exists, all files of its image exist.

    Args:
        out: Folder to write to.
        palette: RGB colors of the classes.
        outputs: Outputs to write.

    Raises:
        ValueError: If ``binary_255`` is set and the number of classes is not two.
    """

    def __init__(self, out: Path, palette: Sequence[Sequence[int]], outputs: Outputs) -> None:
        if outputs.binary_255 and len(palette) != 2:
            raise ValueError(f"masks of 0 and 255 are for two classes, and here are {len(palette)}")
        self.out, self.palette, self.outputs = out, palette, outputs

    def mask_file(self, picture: Picture) -> Path:
        """Return the path of the mask of an image or a stack."""
        ending = "png" if picture.pages is None else "tif"
        return self.out / "masks" / f"{picture.name}.{ending}"

    def are_there(self, picture: Picture) -> bool:
        """Return True if an earlier prediction wrote all requested outputs."""
        files = [self.mask_file(picture)]
        for kind in ("probabilities", "uncertainty"):
            if getattr(self.outputs, kind):
                files.append(self.out / kind / f"{picture.name}.tif")
        if self.outputs.overlays:
            name = picture.name if picture.pages is None else page_name(picture, picture.pages - 1)
            files.append(self.out / "overlays" / f"{name}.jpg")
        return all(map(os.path.isfile, files))  # Path.is_file raises for a long name

    def write(self, picture: Picture, image: np.ndarray, maps: Maps) -> None:
        """Write all files of an image.

        Args:
            picture: The image.
            image: ``(H, W, 3)`` uint8 RGB.
            maps: Predicted maps.

        Raises:
            WriteError: If a file cannot be written.
        """
        for kind, values in self._raw(maps):
            path = self.out / kind / f"{picture.name}.tif"
            with atomic_write(path) as partial, tiff_writer(partial, values.nbytes) as file:
                file.write(values, photometric="minisblack", metadata=None)
        self._write_views(picture.name, image, maps)
        with atomic_write(self.mask_file(picture)) as partial:
            self._mask_image(maps.mask).save(partial, format="PNG")

    @contextmanager
    def stack(self, picture: Picture) -> Iterator[PutPage]:
        """Write the files of a stack page by page.

        The stack files appear once all pages are written.
        Masks and uncertainty have the axes, pixel size and units of the stack.

        Raises:
            WriteError: If a file cannot be written.
        """
        pixels = picture.height * picture.width * picture.pages
        with ExitStack() as files:
            writers: dict[str, TiffWriter] = {}

            def open_writer(kind: str, path: Path, size: int) -> None:
                partial = files.enter_context(atomic_write(path))
                writers[kind] = files.enter_context(tiff_writer(partial, size))

            def put(page: int, image: np.ndarray, maps: Maps) -> None:
                for kind, values in self._raw(maps):
                    if kind not in writers:
                        path = self.out / kind / f"{picture.name}.tif"
                        open_writer(kind, path, values.nbytes * picture.pages)
                    scale = picture.scale
                    if values.ndim > 2:  # a page per class: other axes, same pixel size
                        scale = scale._replace(kind="")
                    options = scale.page_options(values.shape[-2:], values.dtype, not page)
                    writers[kind].write(values, photometric="minisblack", **options)
                self._write_views(page_name(picture, page), image, maps)
                mask = self._stored(maps.mask)
                options = picture.scale.page_options(mask.shape, mask.dtype, not page)
                writers["masks"].write(mask, compression="zlib", **options, **self._colours())

            open_writer("masks", self.mask_file(picture), pixels)
            yield put

    def room(self, shape: tuple[int, ...]) -> np.ndarray:
        """Allocate a float16 array for probabilities, in an unnamed temporary file if it is large.

        Raises:
            WriteError: If the disk has no room for it.
        """
        size = 2 * int(np.prod(shape))
        if size <= IN_MEMORY:
            return np.empty(shape, np.float16)
        try:
            with TemporaryFile(dir=self.out) as file:
                os.posix_fallocate(file.fileno(), 0, size)
                return np.memmap(file, np.float16, "r+", shape=shape)
        except OSError as error:
            raise WriteError(describe(self.out / "probabilities", error)) from error

    def read_masks(self, picture: Picture) -> Iterator[np.ndarray]:
        """Yield the class ids of the pages that an earlier prediction wrote.

        Raises:
            ValueError, OSError: If the file cannot be read.
        """
        file = self.mask_file(picture)
        if picture.pages is None:
            masks: Iterator[np.ndarray] = iter([read_mask(file)])
        else:
            masks = iter(TiffStack(file, "mask", WRITTEN))
        for mask in masks:
            yield (mask > 0).astype(np.uint8) if self.outputs.binary_255 else mask

    def read_uncertainty(self, picture: Picture, page: int) -> np.ndarray | None:
        """Read the uncertainty of a page of an earlier prediction; None if not requested."""
        if not self.outputs.uncertainty:
            return None
        with TiffFile(self.out / "uncertainty" / f"{picture.name}.tif") as file:
            return file.pages[page].asarray()

    def _raw(self, maps: Maps) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the numeric maps, each after its folder."""
        if maps.probabilities is not None:
            yield "probabilities", maps.probabilities
        if maps.uncertainty is not None:
            yield "uncertainty", maps.uncertainty

    def _write_views(self, name: str, image: np.ndarray, maps: Maps) -> None:
        """Write the pictures for viewing."""
        if maps.uncertainty is not None:
            grey = np.rint(maps.uncertainty * 255).astype(np.uint8)
            picture = cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1]
            write_view(self.out / "uncertainty" / f"{name}.png", picture)
        if self.outputs.overlays:
            picture = overlay_of(image, maps.mask, self.palette)
            write_view(self.out / "overlays" / f"{name}.jpg", picture)

    def _stored(self, mask: np.ndarray) -> np.ndarray:
        return mask * np.uint8(IGNORE) if self.outputs.binary_255 else mask

    def _colours(self) -> dict:
        """Return TIFF page options with which class ids are shown in the colors of the palette."""
        if self.outputs.binary_255:
            return {"photometric": "minisblack"}
        table = np.asarray(full_palette(self.palette), np.uint16).T * 257
        return {"photometric": "palette", "colormap": table}

    def _mask_image(self, mask: np.ndarray) -> Image.Image:
        image = Image.fromarray(self._stored(mask))
        if not self.outputs.binary_255:
            image.putpalette(np.asarray(full_palette(self.palette), np.uint8).tobytes())
        return image


def page_name(picture: Picture, page: int) -> str:
    """Return the name for pictures of a page of a stack; ``page`` is counted from 0."""
    return f"{picture.name}/{page + 1:0{len(str(picture.pages))}}"


def full_palette(palette: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """Return the palette padded with white to 256 colors.

    A file with fewer colors might store fewer bits per pixel.
    """
    return [*palette, *[(255, 255, 255)] * (COLOURS - len(palette))]


def tiff_writer(path: Path, size: int) -> TiffWriter:
    """Open a TIFF file for this many bytes of pixels."""
    return TiffWriter(path, bigtiff=size > CLASSIC)


def overlay_of(image: np.ndarray, mask: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Draw a mask over its image, uint8 RGB.

    It is drawn in bands of rows, as each color value takes 8 bytes during the computation.
    """
    picture = np.empty_like(image)
    for y in range(0, len(mask), BAND):
        place = slice(y, y + BAND)
        picture[place] = draw_seen_through(image[place], mask[place], palette)
    return picture


def write_view(path: Path, picture: np.ndarray) -> None:
    """Write a picture for viewing, as PNG or JPEG by its extension. Shrink a huge one first."""
    if max(picture.shape[:2]) > LARGEST:
        picture = fit(picture, (LARGEST, LARGEST))
    with atomic_write(path) as partial:
        partial.write_bytes(encode(picture, path.suffix))
