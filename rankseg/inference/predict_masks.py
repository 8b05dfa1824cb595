# SPDX-License-Identifier: Apache-2.0
"""Mask prediction of many images and stacks, with read-ahead and batches of one size."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import Any

import numpy as np

from rankseg.errors import FileError
from rankseg.inference.inferencer import Inferencer
from rankseg.inference.maps import Maps, check_memory, count_classes
from rankseg.inference.pictures import PageReader, Picture
from rankseg.inference.prediction_files import PredictionFiles
from rankseg.inference.prediction_summary import Page, Summary, pages_of
from rankseg.utils.atomic_file import WriteError
from rankseg.utils.progress import Progress

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
    """Prediction loop that reads images, predicts them and writes the results.

    Args:
        inferencer: Inferencer of a segmentation network.
        files: Writer of the results.
        reader: Reader of the pages, which runs in a separate thread.
    """

    def __init__(self, inferencer: Inferencer, files: PredictionFiles, reader: PageReader) -> None:
        self.inferencer, self.files, self.reader = inferencer, files, reader
        self.failed: dict[Any, str] = {}
        self.progress = ImageProgress()
        self.summary = Summary(files, inferencer.classes, [])

    def run(self, pictures: Sequence[Picture], skipped: Sequence[Picture] = ()) -> dict[Any, str]:
        """Predict images. Table and overview are written even if this is interrupted.

        Args:
            pictures: Images in the order of the table.
            skipped: Images of these that already have masks.

        Returns:
            Error messages of the images that failed, by path.
        """
        self.summary = Summary(self.files, self.inferencer.classes, pictures)
        there = set(skipped)
        todo = [one for one in pictures if one not in there]
        images = sorted((one for one in todo if one.pages is None), key=_size)
        self.progress = ImageProgress(sum(map(_pixels, todo)), len(todo))
        try:
            with self.progress, ThreadPoolExecutor(1) as pool:
                try:
                    for picture in skipped:
                        self._take_over(picture)
                    for reading in self._ahead(pool, self._batches(images)):
                        self._images(*reading)
                    for one in todo:
                        if one.pages is not None:
                            self._stack(pool, one)
                finally:
                    pool.shutdown(cancel_futures=True)
                    self.reader.close()
        finally:
            self.summary.write()
        return self.failed

    def _batches(self, images: Iterable[Picture]) -> Iterator[list[Page]]:
        """Yield batches of images of one size, or single images if predicted by windows."""
        for size, same in groupby(images, key=_size):
            yield from self._cut([Page(one, 0) for one in same], size)

    def _cut(self, pages: list[Page], size: tuple[int, int]) -> Iterator[list[Page]]:
        by_windows = self.inferencer.windows.suit(size, len(self.inferencer.classes))
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
        picture, inferencer = page.picture, self.inferencer
        size = _size(picture)
        rows = inferencer.rows_held(size)
        check_memory(size, len(inferencer.classes), rows, f"image {picture.path}")
        try:
            return self.reader(picture, page.number)
        except OSError as error:
            raise FileError(str(error)) from error

    def _images(self, pages: list[Page], futures: list["Future[np.ndarray]"]) -> None:
        """Predict and write the readable images of a batch."""
        found = []
        for page, future in zip(pages, futures, strict=True):
            try:
                found.append((page, future.result()))
            except ValueError as error:
                self._fail(page.picture, error)
        alike = len({image.shape for _, image in found}) == 1  # sizes in headers may be wrong
        for part in [found] if alike else [[one] for one in found]:
            self._predict_images(part)

    def _predict_images(self, found: list[tuple[Page, np.ndarray]]) -> None:
        try:
            maps = self._fill([image for _, image in found])
        except FileError as error:
            if len(found) == 1:
                self._fail(found[0][0].picture, error)
            else:  # memory may suffice for one image at a time
                for one in found:
                    self._predict_images([one])
            return
        for (page, image), one in zip(found, maps, strict=True):
            try:
                self.files.write(page.picture, image, one)
            except WriteError as error:
                self._fail(page.picture, error)
                continue
            self.summary.add(page, image, one.mask, one.counts, one.uncertainty)
            self.progress.finish(image.shape[0] * image.shape[1])

    def _stack(self, pool: ThreadPoolExecutor, picture: Picture) -> None:
        """Predict and write a stack, all pages or none. Overlays of pages before an error stay."""
        try:
            with self.files.stack(picture) as put:
                batches = self._cut(pages_of(picture), _size(picture))
                for pages, futures in self._ahead(pool, batches):
                    images = [future.result() for future in futures]
                    found = zip(pages, images, self._fill(images), strict=True)
                    for page, image, one in found:
                        put(page.number, image, one)
                        self.summary.add(page, image, one.mask, one.counts, one.uncertainty)
        except (ValueError, WriteError) as error:
            self._fail(picture, error)
        else:
            self.progress.finish(_pixels(picture))

    def _fill(self, images: list[np.ndarray]) -> list[Maps]:
        classes, outputs = len(self.inferencer.classes), self.files.outputs
        maps = []
        for image in images:
            shares = None
            if outputs.probabilities:
                shares = self.files.room((classes, *image.shape[:2]))
            maps.append(Maps(image.shape[:2], classes, outputs.uncertainty, shares))
        self.inferencer.fill(images, maps, self.progress.advance)
        return maps

    def _take_over(self, picture: Picture) -> None:
        """Add the masks of an earlier prediction to the summary."""
        try:
            for page, mask in zip(pages_of(picture), self.files.read_masks(picture), strict=False):
                image = self.reader(picture, page.number) if page in self.summary.chosen else None
                counts = count_classes(mask, len(self.inferencer.classes))
                unsure = self.files.read_uncertainty(page.picture, page.number)
                self.summary.add(page, image, mask, counts, unsure)
        except (ValueError, OSError) as error:
            self._fail(picture, error)

    def _fail(self, picture: Picture, error: Exception) -> None:
        """Record a failure, so that the other images are still predicted.

        Raises:
            WriteError: If the other images would fail too, for example because the disk is full.
        """
        if isinstance(error, WriteError) and not error.of_one_file:
            raise error
        text = str(error)
        named = str(picture.path) in text
        self.failed[picture.path] = text if named else f"{picture.path}: {text}"
        self.summary.remove(picture)
        self.progress.finish(_pixels(picture))


def _size(picture: Picture) -> tuple[int, int]:
    return picture.height, picture.width


def _pixels(picture: Picture) -> int:
    return picture.height * picture.width * (picture.pages or 1)
