# SPDX-License-Identifier: Apache-2.0
"""Predictions of one image, which notebooks show as pictures."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from rankseg.inference.writer import full_palette, overlay_of, write_view
from rankseg.utils.atomic_file import atomic_write
from rankseg.visualization.overlay import draw_foreground_overlay
from rankseg.visualization.panel import cell_for, draw_panel, encode, fit

HEIGHT = 320  # of the picture in a notebook, in pixels
NAMED_CLASSES = 40  # a longer legend would be larger than the picture
TOP = 5  # classes in the table of a classifier
PICTURES = (".png", ".jpg", ".jpeg")


class Prediction(NamedTuple):
    """Prediction of a segmentation network for an image. A notebook shows it as a picture.

    Attributes:
        mask: ``(H, W)`` uint8 class ids.
        probabilities: ``(K, H, W)`` float32, if requested.
        uncertainty: ``(H, W)`` float32, if requested: the entropy of the probabilities divided by
            that of the uniform distribution, from 0 (certain) to 1.
        image: ``(H, W, 3)`` uint8 RGB, as the network saw it, before any shrinking.
        classes: Class names in id order.
        palette: An RGB color for each class.

    Example:
        >>> prediction = inferencer("image.png")  # doctest: +SKIP
        >>> prediction.save("mask.png")  # doctest: +SKIP
        >>> prediction.save("overlay.jpg", overlay=True)  # doctest: +SKIP
    """

    mask: np.ndarray
    probabilities: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    image: np.ndarray | None = None
    classes: Sequence[str] = ()
    palette: Sequence[Sequence[int]] = ()

    def overlay(self, opacity: float | None = None) -> np.ndarray:
        """Draw the classes over the image. A class with a black color, the background, stays clear.

        Args:
            opacity: Share of the colors in ``[0, 1]``. Defaults to that of ``tools/predict.py``.

        Returns:
            ``(H, W, 3)`` uint8 RGB.

        Raises:
            ValueError: If the prediction has no image, or ``opacity`` is outside ``[0, 1]``.
        """
        if self.image is None:
            raise ValueError(
                "Expected a prediction with its image, but got one without. Call an Inferencer, or "
                "set prediction._replace(image=..., palette=...)."
            )
        if opacity is None:
            return overlay_of(self.image, self.mask, self.palette)
        if not 0 <= opacity <= 1:
            raise ValueError(f"Expected opacity to be from 0 to 1, but got {opacity}.")
        return draw_foreground_overlay(self.image, self.mask, self.palette, opacity)

    def save(self, path: str | Path, overlay: bool = False) -> Path:
        """Write the mask, or the overlay, to a picture file. An existing file is replaced.

        Args:
            path: File that ends in ``.png``, or for an overlay in ``.png`` or ``.jpg``. The mask
                holds class ids, which viewers show in the colors of the classes.
            overlay: Write the overlay instead of the mask.

        Returns:
            The path.

        Raises:
            ValueError: If the file name has another ending.
            WriteError: If the file cannot be written.
        """
        path = Path(path)
        endings = PICTURES if overlay else PICTURES[:1]  # JPEG would change class ids
        if path.suffix.lower() not in endings:
            raise ValueError(
                f"Expected a file name that ends in {' or '.join(endings)}, but got {path}."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        if overlay:
            write_view(path, self.overlay())
            return path
        picture = Image.fromarray(self.mask)
        if self.palette:
            picture.putpalette(np.asarray(full_palette(self.palette), np.uint8).tobytes())
        with atomic_write(path) as partial, partial.open("wb") as file:
            picture.save(file, format="PNG")
        return path

    def _repr_png_(self) -> bytes | None:
        """Return the picture that a notebook shows: image, overlay and legend."""
        if self.image is None:
            return None
        cell = cell_for(self.image, HEIGHT)
        row = [fit(one, cell) for one in (self.image, self.overlay())]
        named = self.classes if len(self.classes) <= NAMED_CLASSES else ()
        return encode(draw_panel([row], ["image", "prediction"], named, self.palette, cell))


class ClassPrediction(NamedTuple):
    """Prediction of a classifier for an image. A notebook shows it as a table.

    Attributes:
        label: Id of the most probable class.
        name: Name of that class.
        probabilities: ``(K,)`` float32.
        classes: Class names in id order.
    """

    label: int
    name: str
    probabilities: np.ndarray
    classes: Sequence[str] = ()

    def _repr_html_(self) -> str:
        """Return the table of the most probable classes that a notebook shows."""
        order = np.argsort(-self.probabilities, kind="stable")[:TOP]
        names = self.classes or [f"class {i}" for i in range(len(self.probabilities))]
        rows = "".join(
            f"<tr><td>{escape(names[i])}</td><td>{100 * self.probabilities[i]:.1f}%</td></tr>"
            for i in order
        )
        return f"<table><tr><th>class</th><th>probability</th></tr>{rows}</table>"
