# SPDX-License-Identifier: Apache-2.0
"""Transform that generates two views of one image, or of two matching images."""

from collections.abc import Iterable
from math import exp, log, sqrt

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from rankseg.datasets.transforms.homography import (
    MIRROR,
    between,
    box,
    perspective,
    resample,
    rotation,
)
from rankseg.datasets.transforms.matched_views import MatchedViews
from rankseg.datasets.transforms.seeding import rng_of
from rankseg.registry import TRANSFORMS
from rankseg.structures import strong

IDENTITY = np.eye(3)


@TRANSFORMS.register_module()
class PairViews(BaseTransform):
    """Generate a view of an image and a transformed version of that view.

    The first view is a random part of the image, as in training without pairs. The second view
    applies transforms drawn from a set to the first one: crop, rotation, zoom, or perspective. It
    is sampled from the image rather than from the first view, so it also shows content outside the
    first view.

    Reads ``img`` and, with ``matches``, ``img_path``. Replaces ``img`` by the first view and sets
    ``strong1`` to the second, both ``(size, size, 3)`` uint8. Also sets ``img_shape``;
    ``homography``, ``(3, 3)`` float32, from normalized coordinates of the first view to those of
    the second (see :mod:`rankseg.datasets.transforms.homography`); and, with ``matches``,
    ``keypoints``, ``(M, 4)`` float32 ``(x, y)`` in the first and the second view, NaN if there are
    none.

    Args:
        size: Side of the views in pixels.
        short: Short side, in pixels, of the resized image that the first view is cropped from; at
            least ``size``. ``None`` uses the whole image, which should be square.
        shift: Maximum shift of the first view as a share of its side; it may go beyond the border.
        flip: Probability that the first view is mirrored.
        crop: Area range of a crop, as shares of the first view. ``None``, here and below, removes
            the transform from the set.
        turn: Maximum rotation angle in degrees.
        zoom: Range of the magnification; below 1 the second view shows more than the first.
        perspective: Maximum displacement of every corner as a share of half a side.
        mirror: Probability that the second view is mirrored relative to the first.
        transforms: Number of transforms of the set that are applied one after another.
        matches: File written by ``tools/match_images.py``: pairs of images of the same data set.
        share: Share of the images with a match that are paired with their match.
        margin: Space around matched keypoints, as a share of their extent.

    Raises:
        ValueError: If an option is out of range.
        FileNotFoundError: When the first image is loaded, if ``matches`` does not exist.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), section 4.3.1: crop,
        rotation, zoom, perspective. Ranges are not published.
    """

    def __init__(
        self,
        size: int,
        short: int | None = None,
        shift: float = 0.0,
        flip: float = 0.5,
        crop: tuple[float, float] | None = (0.4, 1.0),
        turn: float | None = 30.0,
        zoom: tuple[float, float] | None = (0.7, 1.4),
        perspective: float | None = 0.3,
        mirror: float = 0.0,
        transforms: int = 1,
        matches: str | None = None,
        share: float = 0.5,
        margin: float = 0.2,
    ) -> None:
        self.options = dict(
            size=size, short=short, shift=shift, flip=flip, crop=crop, turn=turn, zoom=zoom,
            perspective=perspective, mirror=mirror, transforms=transforms, matches=matches,
            share=share, margin=margin,
        )  # fmt: skip
        self.kinds = [k for k in ("crop", "turn", "zoom", "perspective") if self.options[k]]
        self._check()
        self.size, self.share = size, share
        self.matched = None if matches is None else MatchedViews(matches, size, margin, flip)

    def _check(self) -> None:
        """Reject numbers out of range."""
        for name in ("shift", "flip", "mirror", "share", "margin", "perspective"):
            value, most = self.options[name], 0.5 if name == "perspective" else 1
            if value is not None and not 0 <= value <= most:
                raise ValueError(
                    f"Expected {name} of PairViews to be in [0, {most}], but got {value}."
                )
        for name, most in (("crop", 1), ("zoom", 10)):
            value = self.options[name]
            if value is not None and not (len(value) == 2 and 0 < value[0] <= value[1] <= most):
                raise ValueError(
                    f"Expected {name} of PairViews to be two increasing numbers in (0, {most}], "
                    f"but got {value}."
                )
        size, short = self.options["size"], self.options["short"]
        if not isinstance(size, int) or size < 1 or (short is not None and short < size):
            raise ValueError(
                "Expected size of PairViews to be a number of pixels, and short None or no less, "
                f"but got size={size}, short={short}."
            )
        number = self.options["transforms"]
        if not 0 <= number <= len(self.kinds):
            raise ValueError(
                f"Expected transforms of PairViews to be at most {len(self.kinds)}, the number of "
                f"transforms with a range, but got {number}."
            )

    def load_matches(self, paths: Iterable[str]) -> None:
        """Read the file of matches once and log its content; later workers share it.

        Args:
            paths: Paths of the training images, used to check that the file describes them.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If the file is invalid, has no pair, or describes other images.
        """
        if self.matched is None:
            return
        file, pairs = self.options["matches"], len(self.matched.load().image)
        if not pairs:
            raise ValueError(
                f"Expected matches of PairViews to hold pairs, but got none in {file}. Write it "
                "again with a smaller --least of tools/match_images.py, or set matches=None to "
                "train on views of one image."
            )
        found = [self.matched.find(path) is not None for path in paths]
        if not any(found):
            raise ValueError(
                "Expected matches of PairViews to be of the training images, but got pairs of "
                f"other images in {file}. Name the file that tools/match_images.py wrote for them."
            )
        print_log(f"matches: {pairs} pairs, {sum(found)} of {len(found)} training images ({file})")

    def transform(self, results: dict) -> dict:
        """Replace the image by its first view and add the second view and the map."""
        rng, image = rng_of(results, "pair"), results["img"]
        paired = None
        if self.matched is not None:
            results["keypoints"] = self.matched.no_keypoints()
            if rng.random() < self.share:
                paired = self.matched.draw(results["img_path"], image, rng)
        if paired is None:
            first = self._first(rng, *image.shape[:2])
            second = self._second(rng)
            results["img"] = resample(image, first, self.size)
            results[strong(1)] = resample(image, first @ second, self.size)
            results["homography"] = between(IDENTITY, second).astype(np.float32)
        else:
            results["img"], results[strong(1)], results["homography"], found = paired
            results["keypoints"] = found
        results["img_shape"] = results["img"].shape[:2]
        return results

    def _first(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """Draw the map of the first view into the image."""
        across, down = 1.0, 1.0
        if self.options["short"] is not None:
            side = self.size / self.options["short"] * min(height, width)
            across, down = side / width, side / height
        left, moved = rng.uniform(-1, 1, 2), 2 * self.options["shift"] * rng.uniform(-1, 1, 2)
        x, y = left * (1 - across, 1 - down) + moved * (across, down)
        view = box(x, y, across, down)
        return view @ MIRROR if rng.random() < self.options["flip"] else view

    def _second(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the map of the second view into the first."""
        view = MIRROR if rng.random() < self.options["mirror"] else IDENTITY
        for number in rng.permutation(len(self.kinds))[: self.options["transforms"]]:
            view = self._draw(self.kinds[number], rng) @ view
        return view

    def _draw(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        """Draw one transform of the set."""
        value = self.options[kind]
        if kind == "crop":
            side = sqrt(rng.uniform(*value))
            return box(*rng.uniform(side - 1, 1 - side, 2), side, side)
        if kind == "turn":
            return rotation(rng.uniform(-value, value))
        if kind == "zoom":
            side = exp(-rng.uniform(*map(log, value)))
            return box(0, 0, side, side)
        return perspective(rng.uniform(-value, value, (4, 2)))

    def __repr__(self) -> str:
        return f"PairViews({', '.join(f'{key}={value}' for key, value in self.options.items())})"
