# SPDX-License-Identifier: Apache-2.0
"""Predict masks of many images and stacks: read ahead, in batches of one size, past bad files."""

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
from rankseg.inference.prediction_progress import Progress
from rankseg.inference.prediction_summary import Page, Summary, pages_of
from rankseg.utils.atomic_file import WriteError

Reading = tuple[list[Page], list["Future[np.ndarray]"]]


class MaskPrediction:
    """Predicts pictures and writes what is asked for.

    Args:
        inferencer: Of a segmentation network.
        files: Writes.
        reader: Reads, in a thread of its own.
    """

    def __init__(self, inferencer: Inferencer, files: PredictionFiles, reader: PageReader) -> None:
        self.inferencer, self.files, self.reader = inferencer, files, reader
        self.failed: dict[Any, str] = {}
        self.progress = Progress()
        self.summary = Summary(files, inferencer.classes, [])

    def run(self, pictures: Sequence[Picture], skipped: Sequence[Picture] = ()) -> dict[Any, str]:
        """Predict pictures; table and overview are written also if this is interrupted.

        Args:
            pictures: In the order of the table.
            skipped: Those of them that have their masks already.

        Returns:
            What is wrong with those that failed, by path.
        """
        self.summary = Summary(self.files, self.inferencer.classes, pictures)
        there = set(skipped)
        todo = [one for one in pictures if one not in there]
        images = sorted((one for one in todo if one.pages is None), key=_size)
        total = sum(map(_pixels, todo))
        try:
            with self.progress.over(total, len(todo)), ThreadPoolExecutor(1) as pool:
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
        """Images of one size, as many as go at once; by windows one at a time."""
        for size, same in groupby(images, key=_size):
            yield from self._cut([Page(one, 0) for one in same], size)

    def _cut(self, pages: list[Page], size: tuple[int, int]) -> Iterator[list[Page]]:
        by_windows = self.inferencer.windows.suit(size, len(self.inferencer.classes))
        step = 1 if by_windows else self.inferencer.batch
        yield from (pages[i : i + step] for i in range(0, len(pages), step))

    def _ahead(self, pool: ThreadPoolExecutor, batches: Iterable[list[Page]]) -> Iterator[Reading]:
        """Batches, of which the next is read while one is predicted."""
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
        """Predict and write images, those that can be read."""
        found = []
        for page, future in zip(pages, futures, strict=True):
            try:
                found.append((page, future.result()))
            except ValueError as error:
                self._fail(page.picture, error)
        alike = len({image.shape for _, image in found}) == 1  # a header may say something else
        for part in [found] if alike else [[one] for one in found]:
            self._predict_images(part)

    def _predict_images(self, found: list[tuple[Page, np.ndarray]]) -> None:
        try:
            maps = self._fill([image for _, image in found])
        except FileError as error:
            if len(found) == 1:
                self._fail(found[0][0].picture, error)
            else:  # there may be memory enough for one after the other
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
            self.progress.done(image.shape[0] * image.shape[1])

    def _stack(self, pool: ThreadPoolExecutor, picture: Picture) -> None:
        """Predict and write a stack, or none; pictures of pages before a fault stay."""
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
            self.progress.done(_pixels(picture))

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
        """Count what an earlier prediction has written."""
        try:
            for page, mask in zip(pages_of(picture), self.files.read_masks(picture), strict=False):
                image = self.reader(picture, page.number) if page in self.summary.chosen else None
                counts = count_classes(mask, len(self.inferencer.classes))
                unsure = self.files.read_uncertainty(page.picture, page.number)
                self.summary.add(page, image, mask, counts, unsure)
        except (ValueError, OSError) as error:
            self._fail(picture, error)

    def _fail(self, picture: Picture, error: Exception) -> None:
        """Note a failure, after which the other pictures are done.

        Raises:
            WriteError: If it is one that the others would have, too, such as a full disk.
        """
        if isinstance(error, WriteError) and not error.of_one_file:
            raise error
        text = str(error)
        named = str(picture.path) in text
        self.failed[picture.path] = text if named else f"{picture.path}: {text}"
        self.summary.remove(picture)
        self.progress.done(_pixels(picture))


def _size(picture: Picture) -> tuple[int, int]:
    return picture.height, picture.width


def _pixels(picture: Picture) -> int:
    return picture.height * picture.width * (picture.pages or 1)
