# SPDX-License-Identifier: Apache-2.0
"""Table and overview of predicted masks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rankseg.engine.pictures import write_picture
from rankseg.inference.pictures import Picture
from rankseg.inference.prediction_files import PredictionFiles, overlay_of
from rankseg.utils.atomic_file import write_table
from rankseg.visualization.overview import Shown, draw_overview, layout, shown

SHOWN = 24  # images on the overview


class Page(NamedTuple):
    """Page of an image or stack, counted from 0."""

    picture: Picture
    number: int

    @property
    def file(self) -> str:
        """Path of the file relative to the input folder."""
        return f"{self.picture.name}{self.picture.path.suffix}"

    @property
    def label(self) -> str:
        """Name of the page on the overview."""
        name = self.picture.name
        return name if self.picture.pages is None else f"{name}, page {self.number + 1}"

    @property
    def counted(self) -> int | str:
        """Number of the page in a stack, from 1, or an empty string for a single image."""
        return "" if self.picture.pages is None else self.number + 1


def pages_of(picture: Picture) -> list[Page]:
    """Return all pages of a file."""
    return [Page(picture, number) for number in range(picture.pages or 1)]


def choose_pages(pictures: Sequence[Picture], count: int) -> set[Page]:
    """Return at most ``count`` evenly spaced pages of all files."""
    pages = [page for one in pictures for page in pages_of(one)]
    places = np.linspace(0, len(pages) - 1, min(count, len(pages))).round().astype(int)
    return {pages[i] for i in places}


class Summary:
    """Collector of the content of ``summary.csv`` and ``overview.png``.

    Args:
        files: Writer of the prediction.
        classes: Class names.
        pictures: Images in the order of the table.

    Attributes:
        chosen: Pages that the overview shows.
    """

    def __init__(
        self, files: PredictionFiles, classes: Sequence[str], pictures: Sequence[Picture]
    ) -> None:
        self.files, self.classes, self.pictures = files, classes, pictures
        self.chosen = choose_pages(pictures, SHOWN)
        self._rows: dict[Page, list] = {}
        self._shown: dict[Page, Shown] = {}

    def add(
        self,
        page: Page,
        image: np.ndarray | None,
        mask: np.ndarray,
        counts: np.ndarray,
        uncertainty: np.ndarray | None = None,
    ) -> None:
        """Add a page.

        Args:
            page: The page.
            image: ``(H, W, 3)`` uint8 RGB. Only needed for chosen pages.
            mask: ``(H, W)`` class ids.
            counts: ``(K,)`` pixels of every class.
            uncertainty: ``(H, W)``, if there is one.
        """
        shares = 100 * counts / max(1, mask.size)
        mean = "" if uncertainty is None else f"{uncertainty.mean():.4f}"
        self._rows[page] = [*mask.shape[::-1], *(f"{one:.4f}" for one in shares), mean]
        if image is not None and page in self.chosen:
            overlay = overlay_of(image, mask, self.files.palette)
            _, cell = layout(len(self.chosen))
            self._shown[page] = shown(image, overlay, page.label, shares, self.classes, cell)

    def remove(self, picture: Picture) -> None:
        """Remove a file that failed."""
        for page in pages_of(picture):
            self._rows.pop(page, None)
            self._shown.pop(page, None)

    def write(self) -> None:
        """Write the table (shares in percent) and the overview of the pages added so far.

        Raises:
            WriteError: If a file cannot be written.
        """
        pages = [page for one in self.pictures for page in pages_of(one) if page in self._rows]
        if not pages:
            return
        shares = [f"{name} %" for name in self.classes]
        head = ["image", "page", "width", "height", *shares, "mean uncertainty"]
        rows = ([page.file, page.counted, *self._rows[page]] for page in pages)
        write_table(self.files.out / "summary.csv", [head, *rows])
        if self._shown:
            thumbs = [self._shown[page] for page in pages if page in self._shown]
            picture = draw_overview(thumbs, self.classes, self.files.palette)
            write_picture(self.files.out / "overview.png", picture)
