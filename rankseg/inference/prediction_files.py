# SPDX-License-Identifier: Apache-2.0
"""The files that a prediction leaves, each whole or not at all."""

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
from rankseg.utils.atomic_file import WriteError, describe, whole_file
from rankseg.visualization.overlay import draw_seen_through
from rankseg.visualization.panel import encode, fit

LARGEST = 8192  # longest side of an overlay: it is to be looked at, and JPEG ends at 65,500
BAND = 512  # rows that are coloured at a time
CLASSIC = 2**32 - 2**25  # bytes that a TIFF file of the usual kind may have
COLOURS = 256
IN_MEMORY = 2**28  # bytes of probabilities above which they are kept in a file

WRITTEN = Planes(channel=ALL, frame=ALL, masks=True)
"""All slices of a stack of masks that a prediction has written."""

PutPage = Callable[[int, np.ndarray, Maps], None]


class Outputs(NamedTuple):
    """What to write.

    Attributes:
        overlays: ``overlays/NAME.jpg``, the mask over its image.
        probabilities: ``probabilities/NAME.tif``, float16 ``(K, H, W)``.
        uncertainty: ``uncertainty/NAME.png`` to look at, and ``NAME.tif``, float32.
        binary_255: Masks of two classes have 0 and 255 in place of 0 and 1.
    """

    overlays: bool = True
    probabilities: bool = False
    uncertainty: bool = False
    binary_255: bool = False


class PredictionFiles:
    """Writes ``masks/NAME.png``, of a stack ``masks/NAME.tif``, and what else is asked for.

    The mask is the last that gets its name: where it is, all files of its image are.

    Args:
        out: Folder to write to.
        palette: RGB colours of the classes.
        outputs: What to write.

    Raises:
        ValueError: If ``binary_255`` is asked for, and there are not two classes.
    """

    def __init__(self, out: Path, palette: Sequence[Sequence[int]], outputs: Outputs) -> None:
        if outputs.binary_255 and len(palette) != 2:
            raise ValueError(f"masks of 0 and 255 are for two classes, and here are {len(palette)}")
        self.out, self.palette, self.outputs = out, palette, outputs

    def mask_file(self, picture: Picture) -> Path:
        """Where the mask of an image or a stack belongs."""
        ending = "png" if picture.pages is None else "tif"
        return self.out / "masks" / f"{picture.name}.{ending}"

    def are_there(self, picture: Picture) -> bool:
        """Whether an earlier prediction has left all that is asked for."""
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
            maps: What was predicted.

        Raises:
            WriteError: If one cannot be written.
        """
        for kind, values in self._raw(maps):
            path = self.out / kind / f"{picture.name}.tif"
            with whole_file(path) as partial, tiff_writer(partial, values.nbytes) as file:
                file.write(values, photometric="minisblack", metadata=None)
        self._write_views(picture.name, image, maps)
        with whole_file(self.mask_file(picture)) as partial:
            self._mask_image(maps.mask).save(partial, format="PNG")

    @contextmanager
    def stack(self, picture: Picture) -> Iterator[PutPage]:
        """Write the files of a stack, page after page; stacks are there when all pages are.

        Masks and uncertainty have the axes, pixel size and units of the stack.

        Raises:
            WriteError: If one cannot be written.
        """
        pixels = picture.height * picture.width * picture.pages
        with ExitStack() as files:
            writers: dict[str, TiffWriter] = {}

            def open_writer(kind: str, path: Path, size: int) -> None:
                partial = files.enter_context(whole_file(path))
                writers[kind] = files.enter_context(tiff_writer(partial, size))

            def put(page: int, image: np.ndarray, maps: Maps) -> None:
                for kind, values in self._raw(maps):
                    if kind not in writers:
                        path = self.out / kind / f"{picture.name}.tif"
                        open_writer(kind, path, values.nbytes * picture.pages)
                    scale = picture.scale
                    if values.ndim > 2:  # a page for each class: other axes, of the same pixels
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
        """A float16 array for probabilities; a large one lies in a file that has no name.

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
        """Class ids of the pages that an earlier prediction has written.

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
        """That of a page that an earlier prediction has written, if it is asked for."""
        if not self.outputs.uncertainty:
            return None
        with TiffFile(self.out / "uncertainty" / f"{picture.name}.tif") as file:
            return file.pages[page].asarray()

    def _raw(self, maps: Maps) -> Iterator[tuple[str, np.ndarray]]:
        """Numbers by the folder they belong into."""
        if maps.probabilities is not None:
            yield "probabilities", maps.probabilities
        if maps.uncertainty is not None:
            yield "uncertainty", maps.uncertainty

    def _write_views(self, name: str, image: np.ndarray, maps: Maps) -> None:
        """Write what is to be looked at."""
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
        """Options of a TIFF page with a palette, which shows in colours and holds class ids."""
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
    """What pictures of a page of a stack are called; ``page`` is counted from 0."""
    return f"{picture.name}/{page + 1:0{len(str(picture.pages))}}"


def full_palette(palette: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """256 colours, white where there is no class: a file of fewer could hold fewer bits."""
    return [*palette, *[(255, 255, 255)] * (COLOURS - len(palette))]


def tiff_writer(path: Path, size: int) -> TiffWriter:
    """A TIFF file for that many bytes of pixels."""
    return TiffWriter(path, bigtiff=size > CLASSIC)


def overlay_of(image: np.ndarray, mask: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """A mask over its image, uint8 RGB; made in bands, as colours are computed in 8 bytes."""
    picture = np.empty_like(image)
    for y in range(0, len(mask), BAND):
        place = slice(y, y + BAND)
        picture[place] = draw_seen_through(image[place], mask[place], palette)
    return picture


def write_view(path: Path, picture: np.ndarray) -> None:
    """Write a picture to look at, as PNG or JPEG by its ending; a huge one becomes smaller."""
    if max(picture.shape[:2]) > LARGEST:
        picture = fit(picture, (LARGEST, LARGEST))
    with whole_file(path) as partial:
        partial.write_bytes(encode(picture, path.suffix))
