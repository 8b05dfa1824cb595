# SPDX-License-Identifier: Apache-2.0
"""Output files of predicted masks, each written atomically."""

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

from rankseg.engine.pictures import write_picture
from rankseg.imageio.masks import IGNORE, read_mask
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import ALL, Planes
from rankseg.inference.images import ImageFile, Page, choose_pages, pages_of
from rankseg.inference.maps import Maps
from rankseg.utils.atomic_file import WriteError, atomic_write, describe, write_table
from rankseg.visualization.overlay import draw_foreground_overlay
from rankseg.visualization.overview import OverviewEntry, draw_overview, layout, overview_entry
from rankseg.visualization.panel import encode, fit

LARGEST = 8192  # longest side of an overlay: for viewing only, and JPEG is limited to 65,500
BAND = 512  # rows that are colored at once
CLASSIC = 2**32 - 2**25  # bytes that a classic TIFF file can hold
COLORS = 256
SHOWN = 24  # images on the overview
IN_MEMORY = 2**28  # bytes of probabilities above which they are kept in a file

WRITTEN = Planes(channel=ALL, frame=ALL, masks=True)
"""All slices of a stack of masks that a prediction wrote."""

WritePage = Callable[[Page, np.ndarray, Maps], None]


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


class PredictionWriter:
    """Writer of ``masks/NAME.png``, or ``masks/NAME.tif`` for a stack, and of the other outputs.

    The mask is written last: if it exists, all files of its image exist. The table and the overview
    of the pages written so far are written by :meth:`finish`.

    Attributes:
        files: Images in the order of the table.
        chosen: Pages that the overview shows.
    """

    def __init__(
        self,
        out: Path,
        classes: Sequence[str],
        palette: Sequence[Sequence[int]],
        outputs: Outputs,
    ) -> None:
        if outputs.binary_255 and len(palette) != 2:
            raise ValueError(
                f"Expected a config of two classes for masks of 0 and 255, but got {len(palette)} "
                "classes. Leave --binary-255 out."
            )
        self.out, self.classes, self.palette, self.outputs = out, classes, palette, outputs
        self.files: Sequence[ImageFile] = ()
        self.chosen: set[Page] = set()
        self._rows: dict[Page, list] = {}
        self._shown: dict[Page, OverviewEntry] = {}

    def start(self, files: Sequence[ImageFile]) -> None:
        """Set the images of the table and choose the pages of the overview."""
        self.files, self.chosen = files, choose_pages(files, SHOWN)

    def mask_path(self, file: ImageFile) -> Path:
        """Return the path of the mask of an image or a stack."""
        ending = "png" if file.pages is None else "tif"
        return self.out / "masks" / f"{file.name}.{ending}"

    def exists(self, file: ImageFile) -> bool:
        """Return True if an earlier prediction wrote all requested outputs."""
        files = [self.mask_path(file)]
        for kind in ("probabilities", "uncertainty"):
            if getattr(self.outputs, kind):
                files.append(self.out / kind / f"{file.name}.tif")
        if self.outputs.overlays:
            last = Page(file, (file.pages or 1) - 1)
            files.append(self.out / "overlays" / f"{last.view_name}.jpg")
        return all(map(os.path.isfile, files))  # Path.is_file raises for a long name

    def write(self, page: Page, image: np.ndarray, maps: Maps) -> None:
        """Write all files of an RGB image, and add it to the table."""
        for kind, values in self._raw(maps):
            path = self.out / kind / f"{page.file.name}.tif"
            with atomic_write(path) as partial, tiff_writer(partial, values.nbytes) as file:
                file.write(values, photometric="minisblack", metadata=None)
        self._write_views(page, image, maps)
        with atomic_write(self.mask_path(page.file)) as partial:
            self._mask_image(maps.mask).save(partial, format="PNG")
        self.add(page, image, maps.mask, maps.counts, maps.uncertainty)

    @contextmanager
    def stack(self, source: ImageFile) -> Iterator[WritePage]:
        """Write the files of a stack page by page.

        The files of the stack appear once all pages are written. Masks and uncertainty have the
        axes, pixel size and units of the stack.
        """
        with ExitStack() as files:
            writers: dict[str, TiffWriter] = {}

            def open_writer(kind: str, path: Path, size: int) -> None:
                partial = files.enter_context(atomic_write(path))
                writers[kind] = files.enter_context(tiff_writer(partial, size))

            def write_page(page: Page, image: np.ndarray, maps: Maps) -> None:
                first = page.number == 0
                for kind, values in self._raw(maps):
                    if kind not in writers:
                        path = self.out / kind / f"{source.name}.tif"
                        open_writer(kind, path, values.nbytes * source.pages)
                    scale = source.scale
                    if values.ndim > 2:  # a page per class: other axes, same pixel size
                        scale = scale._replace(kind="")
                    options = scale.page_options(values.shape[-2:], values.dtype, first)
                    writers[kind].write(values, photometric="minisblack", **options)
                self._write_views(page, image, maps)
                mask = self._stored(maps.mask)
                options = source.scale.page_options(mask.shape, mask.dtype, first)
                writers["masks"].write(mask, compression="zlib", **options, **self._colors())
                self.add(page, image, maps.mask, maps.counts, maps.uncertainty)

            open_writer("masks", self.mask_path(source), source.pixels)
            yield write_page

    def allocate_probabilities(self, shape: tuple[int, ...]) -> np.ndarray:
        """Allocate a float16 array for probabilities, in an unnamed temporary file if large."""
        size = 2 * int(np.prod(shape))
        if size <= IN_MEMORY:
            return np.empty(shape, np.float16)
        try:
            with TemporaryFile(dir=self.out) as file:
                os.posix_fallocate(file.fileno(), 0, size)
                return np.memmap(file, np.float16, "r+", shape=shape)
        except OSError as error:
            raise WriteError(describe(self.out / "probabilities", error)) from error

    def read_masks(self, file: ImageFile) -> Iterator[np.ndarray]:
        """Yield the class ids of the pages that an earlier prediction wrote."""
        path = self.mask_path(file)
        if file.pages is None:
            masks: Iterator[np.ndarray] = iter([read_mask(path)])
        else:
            masks = iter(TiffStack(path, "mask", WRITTEN))
        for mask in masks:
            yield (mask > 0).astype(np.uint8) if self.outputs.binary_255 else mask

    def read_uncertainty(self, file: ImageFile, page: int) -> np.ndarray | None:
        """Read the uncertainty of a page of an earlier prediction; None if not requested."""
        if not self.outputs.uncertainty:
            return None
        with TiffFile(self.out / "uncertainty" / f"{file.name}.tif") as tiff:
            return tiff.pages[page].asarray()

    def add(
        self,
        page: Page,
        image: np.ndarray | None,
        mask: np.ndarray,
        counts: np.ndarray,
        uncertainty: np.ndarray | None = None,
    ) -> None:
        """Add a page to the table and, if it was chosen, with its RGB image to the overview."""
        shares = 100 * counts / max(1, mask.size)
        mean = "" if uncertainty is None else f"{uncertainty.mean():.4f}"
        self._rows[page] = [*mask.shape[::-1], *(f"{one:.4f}" for one in shares), mean]
        if image is not None and page in self.chosen:
            overlay = overlay_of(image, mask, self.palette)
            _, cell = layout(len(self.chosen))
            self._shown[page] = overview_entry(
                image, overlay, page.label, shares, self.classes, cell
            )

    def discard(self, file: ImageFile) -> None:
        """Remove a file that failed from the table and the overview."""
        for page in pages_of(file):
            self._rows.pop(page, None)
            self._shown.pop(page, None)

    def finish(self) -> None:
        """Write the table (shares in percent) and the overview of the pages added so far."""
        pages = [page for page in pages_of(*self.files) if page in self._rows]
        if not pages:
            return
        shares = [f"{name} %" for name in self.classes]
        head = ["image", "page", "width", "height", *shares, "mean uncertainty"]
        rows = ([*page.cells, *self._rows[page]] for page in pages)
        write_table(self.out / "summary.csv", [head, *rows])
        if self._shown:
            thumbs = [self._shown[page] for page in pages if page in self._shown]
            overview = draw_overview(thumbs, self.classes, self.palette)
            write_picture(self.out / "overview.png", overview)

    def _raw(self, maps: Maps) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each numeric map as a pair of folder and values."""
        if maps.probabilities is not None:
            yield "probabilities", maps.probabilities
        if maps.uncertainty is not None:
            yield "uncertainty", maps.uncertainty

    def _write_views(self, page: Page, image: np.ndarray, maps: Maps) -> None:
        """Write the pictures for viewing."""
        name = page.view_name
        if maps.uncertainty is not None:
            gray = np.rint(maps.uncertainty * 255).astype(np.uint8)
            picture = cv2.applyColorMap(gray, cv2.COLORMAP_INFERNO)[..., ::-1]
            write_view(self.out / "uncertainty" / f"{name}.png", picture)
        if self.outputs.overlays:
            picture = overlay_of(image, maps.mask, self.palette)
            write_view(self.out / "overlays" / f"{name}.jpg", picture)

    def _stored(self, mask: np.ndarray) -> np.ndarray:
        return mask * np.uint8(IGNORE) if self.outputs.binary_255 else mask

    def _colors(self) -> dict:
        """Return TIFF page options that show class ids in the colors of the palette."""
        if self.outputs.binary_255:
            return {"photometric": "minisblack"}
        table = np.asarray(full_palette(self.palette), np.uint16).T * 257
        return {"photometric": "palette", "colormap": table}

    def _mask_image(self, mask: np.ndarray) -> Image.Image:
        image = Image.fromarray(self._stored(mask))
        if not self.outputs.binary_255:
            image.putpalette(np.asarray(full_palette(self.palette), np.uint8).tobytes())
        return image


def full_palette(palette: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """Return the palette padded with white to 256 colors.

    A file with fewer colors might store fewer bits per pixel.
    """
    return [*palette, *[(255, 255, 255)] * (COLORS - len(palette))]


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
        picture[place] = draw_foreground_overlay(image[place], mask[place], palette)
    return picture


def write_view(path: Path, picture: np.ndarray) -> None:
    """Write a picture for viewing, as PNG or JPEG by its extension; shrink it if it is huge."""
    if max(picture.shape[:2]) > LARGEST:
        picture = fit(picture, (LARGEST, LARGEST))
    with atomic_write(path) as partial:
        partial.write_bytes(encode(picture, path.suffix))
