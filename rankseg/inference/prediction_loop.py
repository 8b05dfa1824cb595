# SPDX-License-Identifier: Apache-2.0
"""Prediction of many images and stacks: read ahead, predict, write."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from rankseg.engine.pictures import write_picture
from rankseg.errors import FileError
from rankseg.inference.images import ImageFile, Page, PageReader, choose_pages, pages_of
from rankseg.inference.inferencer import ClassPrediction, Inferencer
from rankseg.inference.maps import Maps, check_memory, count_classes
from rankseg.inference.writer import PredictionWriter
from rankseg.utils.atomic_file import WriteError, write_table
from rankseg.utils.progress import Progress, track
from rankseg.visualization.contact_sheet import SheetEntry, draw_contact_sheet
from rankseg.visualization.panel import fit

SHOWN = 100  # images on the overview of a classifier
CELL = 96  # longest side of each image in pixels

Reading = tuple[list[Page], list["Future[np.ndarray]"]]


class ImageProgress(Progress):
    """Progress of images, weighted by pixels so that large images count more.

    Args:
        pixels: Pixels of all images.
        images: Number of images.
    """

    def __init__(self, pixels: int = 0, images: int = 0) -> None:
        super().__init__("predicting", pixels)
        self.images, self.finished = images, 0
        self._pixels = self._finished_pixels = 0

    def advance(self, pixels: int) -> None:
        """Add newly predicted pixels."""
        self._pixels = min(self.total, self._pixels + pixels)
        self.update(self._pixels, f"{self.finished} of {self.images} images")

    def finish(self, pixels: int) -> None:
        """Count an image of this many pixels as finished, whether predicted or failed."""
        self.finished += 1
        self._finished_pixels += pixels
        self.advance(max(0, self._finished_pixels - self._pixels))


class MaskPrediction:
    """Prediction loop that reads images in another thread, predicts them and writes the results."""

    def __init__(
        self, inferencer: Inferencer, writer: PredictionWriter, reader: PageReader
    ) -> None:
        self.inferencer, self.writer, self.reader = inferencer, writer, reader
        self.failed: dict[Any, str] = {}
        self.progress = ImageProgress()

    def run(self, files: Sequence[ImageFile], skipped: Sequence[ImageFile] = ()) -> dict[Any, str]:
        """Predict images. Table and overview are written even if this is interrupted.

        Returns:
            Error messages of the images that failed, by path.
        """
        self.writer.start(files)
        existing = set(skipped)
        todo = [one for one in files if one not in existing]
        images = sorted((one for one in todo if one.pages is None), key=lambda one: one.size)
        self.progress = ImageProgress(sum(one.pixels for one in todo), len(todo))
        try:
            with self.progress, ThreadPoolExecutor(1) as pool:
                try:
                    for file in skipped:
                        self._add_existing(file)
                    for reading in self._ahead(pool, self._batches(images)):
                        self._images(*reading)
                    for file in todo:
                        if file.pages is not None:
                            self._stack(pool, file)
                finally:
                    pool.shutdown(cancel_futures=True)
                    self.reader.close()
        finally:
            self.writer.finish()
        return self.failed

    def _batches(self, images: Iterable[ImageFile]) -> Iterator[list[Page]]:
        """Yield batches of images of one size, or single images if predicted by windows."""
        for size, same in groupby(images, key=lambda one: one.size):
            yield from self._cut(pages_of(*same), size)

    def _cut(self, pages: list[Page], size: tuple[int, int]) -> Iterator[list[Page]]:
        by_windows = self.inferencer.windows.needed_for(size, len(self.inferencer.classes))
        step = 1 if by_windows else self.inferencer.batch
        yield from (pages[i : i + step] for i in range(0, len(pages), step))

    def _ahead(self, pool: ThreadPoolExecutor, batches: Iterable[list[Page]]) -> Iterator[Reading]:
        """Yield batches, reading the next one while the current one is predicted."""
        ready: Reading | None = None
        for batch in batches:
            coming = batch, [pool.submit(self._read, page) for page in batch]
            if ready is not None:
                yield ready
            ready = coming
        if ready is not None:
            yield ready

    def _read(self, page: Page) -> np.ndarray:
        file, inferencer = page.file, self.inferencer
        rows = inferencer.rows_held(file.size)
        check_memory(file.size, len(inferencer.classes), rows, f"image {file.path}")
        try:
            return self.reader(file, page.number)
        except OSError as error:
            raise FileError(str(error)) from error

    def _images(self, pages: list[Page], futures: list["Future[np.ndarray]"]) -> None:
        """Predict and write the readable images of a batch."""
        found = []
        for page, future in zip(pages, futures, strict=True):
            try:
                found.append((page, future.result()))
            except ValueError as error:
                self._fail(page.file, error)
        alike = len({image.shape for _, image in found}) == 1  # sizes in headers may be wrong
        for part in [found] if alike else [[one] for one in found]:
            self._predict_images(part)

    def _predict_images(self, found: list[tuple[Page, np.ndarray]]) -> None:
        try:
            maps = self._predict([image for _, image in found])
        except FileError as error:
            if len(found) == 1:
                self._fail(found[0][0].file, error)
            else:  # memory may suffice for one image at a time
                for one in found:
                    self._predict_images([one])
            return
        for (page, image), one in zip(found, maps, strict=True):
            try:
                self.writer.write(page, image, one)
            except WriteError as error:
                self._fail(page.file, error)
            else:
                self.progress.finish(image.shape[0] * image.shape[1])

    def _stack(self, pool: ThreadPoolExecutor, file: ImageFile) -> None:
        """Predict and write a stack, all pages or none. Overlays of pages before an error stay."""
        try:
            with self.writer.stack(file) as write_page:
                for pages, futures in self._ahead(pool, self._cut(pages_of(file), file.size)):
                    images = [future.result() for future in futures]
                    for result in zip(pages, images, self._predict(images), strict=True):
                        write_page(*result)
        except (ValueError, WriteError) as error:
            self._fail(file, error)
        else:
            self.progress.finish(file.pixels)

    def _predict(self, images: list[np.ndarray]) -> list[Maps]:
        classes, outputs = len(self.inferencer.classes), self.writer.outputs
        maps = []
        for image in images:
            shares = None
            if outputs.probabilities:
                shares = self.writer.allocate_probabilities((classes, *image.shape[:2]))
            maps.append(Maps(image.shape[:2], classes, outputs.uncertainty, shares))
        self.inferencer.predict_into(images, maps, self.progress.advance)
        return maps

    def _add_existing(self, file: ImageFile) -> None:
        """Add the masks of an earlier prediction to the table."""
        try:
            for page, mask in zip(pages_of(file), self.writer.read_masks(file), strict=False):
                image = self.reader(file, page.number) if page in self.writer.chosen else None
                counts = count_classes(mask, len(self.inferencer.classes))
                uncertainty = self.writer.read_uncertainty(file, page.number)
                self.writer.add(page, image, mask, counts, uncertainty)
        except (ValueError, OSError) as error:
            self._fail(file, error)

    def _fail(self, file: ImageFile, error: Exception) -> None:
        """Record a failure, so that the other images are still predicted."""
        if isinstance(error, WriteError) and not error.of_one_file:
            raise error
        text = str(error)
        self.failed[file.path] = text if str(file.path) in text else f"{file.path}: {text}"
        self.writer.discard(file)
        self.progress.finish(file.pixels)


def predict_classes(
    inferencer: Inferencer,
    files: Sequence[ImageFile],
    out: Path,
    reader: PageReader,
    topk: int = 5,
) -> dict[Any, str]:
    """Classify images and write ``predictions.csv`` and ``overview.png``; close the reader.

    Returns:
        Error messages of the unreadable files, by path.
    """
    chosen = choose_pages(files, SHOWN)
    found: dict[Page, ClassPrediction] = {}
    failed: dict[Any, str] = {}
    sheet = []
    try:
        for page in track(pages_of(*files), "predicting images"):
            try:
                image = reader(page.file, page.number)
                (one,) = inferencer.classify([image])
            except (ValueError, OSError) as error:
                failed[page.file.path] = str(error)
                continue
            found[page] = one
            if page in chosen:
                chance = float(one.probabilities[one.label])
                sheet.append(SheetEntry(fit(image, (CELL, CELL)), one.name, one.name, chance))
    finally:
        reader.close()
        _write_classes(out / "predictions.csv", found, inferencer.classes, topk)
        if sheet:
            write_picture(out / "overview.png", draw_contact_sheet(sheet, cell=CELL))
    return failed


def _write_classes(
    path: Path, found: dict[Page, ClassPrediction], classes: Sequence[str], topk: int
) -> None:
    """Write one row per image with its most probable classes and their probabilities."""
    number = min(topk, len(classes))
    heads = [part for k in range(1, number + 1) for part in (f"class {k}", f"probability {k}")]
    rows: list[list] = [["image", "page", *heads]]
    for page, one in found.items():
        best = np.argsort(-one.probabilities, kind="stable")[:number]
        pairs = [part for k in best for part in (classes[k], f"{one.probabilities[k]:.6f}")]
        rows.append([*page.cells, *pairs])
    write_table(path, rows)
