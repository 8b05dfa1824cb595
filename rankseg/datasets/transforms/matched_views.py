# SPDX-License-Identifier: Apache-2.0
"""Views of the matching parts of two images."""

from pathlib import Path

import numpy as np

from rankseg.datasets.transforms.homography import MIRROR, between, box, move, resample
from rankseg.imageio.reading import read_image
from rankseg.selection.matching import MatchedPairs, load_pairs

LEAST = 0.4  # minimum side of a view as a share of the short side of the image
SWAY = 0.1  # maximum random shift and enlargement of a view, as a share of its side


class MatchedViews:
    """Generator of a matching partner for an image and views that show the matching parts.

    Args:
        path: Path of the file of pairs.
        size: Side of the views in pixels.
        margin: Space around the keypoints, as a share of their extent.
        flip: Probability that both views are mirrored.

    Raises:
        FileNotFoundError, ValueError: From :meth:`load`, if the file is missing or invalid.
    """

    def __init__(self, path: str, size: int, margin: float, flip: float) -> None:
        self.path, self.size, self.margin, self.flip = path, size, margin, flip
        self._pairs: MatchedPairs | None = None
        self._rows: dict[str, list[int]] = {}

    def load(self) -> MatchedPairs:
        """Read the file at the first call."""
        if self._pairs is None:
            self._pairs = load_pairs(self.path)
            for row, images in enumerate(self._pairs.image):
                for number in images:
                    self._rows.setdefault(str(self._pairs.names[number]), []).append(row)
        return self._pairs

    def no_keypoints(self) -> np.ndarray:
        """Return the ``(M, 4)`` array of a pair without keypoints."""
        return np.full(self.load().keypoints.shape[1:], np.nan, np.float32)

    def find(self, path: str) -> tuple[Path, str] | None:
        """Return data root and name of an image that has matches, or None."""
        parts = Path(path).parts
        names = ("/".join(parts[-count:]) for count in range(1, len(parts) + 1))
        name = next((name for name in names if name in self._rows), None)
        return None if name is None else (Path(*parts[: len(parts) - name.count("/") - 1]), name)

    def draw(
        self, path: str, image: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
        """Draw two views, the map from the first to the second, ``(3, 3)``, and their keypoints.

        Args:
            path: Path of the image.
            image: ``(H, W, 3)`` uint8.
            rng: Random number generator for partner and views.

        Returns:
            The views, map and keypoints, or None for an image without a match.
        """
        pairs, found = self.load(), self.find(path)
        if found is None:
            return None
        root, name = found
        row = int(rng.choice(self._rows[name]))
        one, other = (str(pairs.names[number]) for number in pairs.image[row])
        homography, keypoints = pairs.homography[row], pairs.keypoints[row]
        if name != one:
            (homography, keypoints), other = pairs.swapped(row), one
        partner = read_image(root / other)
        mirror = MIRROR if rng.random() < self.flip else np.eye(3)
        first, second = (
            self._around(points, rng, *pixels.shape[:2]) @ mirror
            for points, pixels in ((keypoints[:, :2], image), (keypoints[:, 2:], partner))
        )
        moved = np.hstack(
            [
                move(np.linalg.inv(view), points)
                for view, points in ((first, keypoints[:, :2]), (second, keypoints[:, 2:]))
            ]
        )
        return (
            resample(image, first, self.size),
            resample(partner, second, self.size),
            between(homography @ first, second).astype(np.float32),
            moved.astype(np.float32),
        )

    def _around(
        self, points: np.ndarray, rng: np.random.Generator, height: int, width: int
    ) -> np.ndarray:
        """Return the map of a square view around some points into the image."""
        low, high = np.nanmin(points, 0), np.nanmax(points, 0)
        span = (high - low) / 2 * (width, height) * (1 + 2 * self.margin)  # in pixels
        side = max(span.max(), LEAST * min(height, width)) * rng.uniform(1, 1 + SWAY)
        x, y = (low + high) / 2 + 2 * side / np.array((width, height)) * rng.uniform(
            -SWAY / 2, SWAY / 2, 2
        )
        return box(x, y, side / width, side / height)
