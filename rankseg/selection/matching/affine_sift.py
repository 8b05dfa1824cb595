# SPDX-License-Identifier: Apache-2.0
"""Keypoints of an image, as it looks from many directions, and which of them another one shares."""

from typing import NamedTuple

import cv2
import numpy as np

TWINS = 0.04  # keypoints nearer to each other, in half sides, are looks at one place
CELL = 0.02  # of two matches in the same cell of this side in both images, one counts


class Keypoints(NamedTuple):
    """Keypoints of an image.

    Attributes:
        place: ``(N, 2)`` float32 ``(x, y)``, -1 and 1 at the borders of the image.
        descriptor: ``(N, 128)`` uint8.
    """

    place: np.ndarray
    descriptor: np.ndarray


class Match(NamedTuple):
    """What two images share.

    Attributes:
        homography: ``(3, 3)`` affine map from the first to the second image, normalised.
        keypoints: ``(M, 4)`` float32, ``(x, y)`` in the first and in the second image, those that
            the map fits best first.
    """

    homography: np.ndarray
    keypoints: np.ndarray

    @property
    def score(self) -> int:
        """How many keypoints agree."""
        return len(self.keypoints)


def describe(image: np.ndarray, side: int = 160, tilts: int = 3, limit: int = 600) -> Keypoints:
    """Affine-SIFT keypoints, strongest first.

    Args:
        image: ``(H, W, 3)`` uint8.
        side: To which the longer side is resized before, in pixels; the time grows with its square.
        tilts: How far the image is tilted to look at it from the side: by up to ``2 ** (t / 2)``.
            0 is plain SIFT.
        limit: Keypoints at most.

    Source: Yu and Morel, ASIFT (IPOL 2011), by OpenCV.
    """
    height, width = image.shape[:2]
    factor = side / max(height, width)
    shape = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), shape, interpolation=how)
    finder = cv2.SIFT_create(nfeatures=limit)
    if tilts:
        finder = cv2.AffineFeature_create(finder, tilts, 0)
    points, found = finder.detectAndCompute(grey, None)
    if found is None:
        return Keypoints(np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8))
    order = np.argsort([-point.response for point in points], kind="stable")[:limit]
    place = (2 * np.array([points[i].pt for i in order], np.float32) + 1) / shape - 1
    return Keypoints(place.astype(np.float32), found[order].astype(np.uint8))


def match(
    first: Keypoints, second: Keypoints, ratio: float = 0.8, tolerance: float = 0.04, least: int = 8
) -> Match | None:
    """Find what two images share: keypoints that are alike and agree on an affine map.

    A keypoint counts if it is nearer to its partner than ``ratio`` times to any that lies elsewhere
    (an affine SIFT has many looks at one place). Those that agree are found by RANSAC, and counted
    once for each place. Maps that mirror, or change a size more than fourfold, are refused.

    Args:
        first: Of one image.
        second: Of the other.
        ratio: Of the distances of descriptors.
        tolerance: How far a keypoint may be from where it is mapped to, in half sides.
        least: Keypoints that must agree.

    Returns:
        None if too few agree.
    """
    if min(len(first.place), len(second.place)) < least:
        return None
    rows, partners = alike(first, second, ratio)
    if len(rows) < least:
        return None
    source, target = first.place[rows], second.place[partners]
    affine, _ = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=tolerance, maxIters=2000
    )
    if affine is None or not _plausible(affine[:, :2]):
        return None
    error = np.linalg.norm(source @ affine[:, :2].T + affine[:, 2] - target, axis=1)
    best = np.argsort(error, kind="stable")[: (error < tolerance).sum()]
    both = np.hstack((source, target))[best]
    _, kept = np.unique(np.floor(both / CELL), axis=0, return_index=True)
    if len(kept) < least:
        return None
    return Match(np.vstack((affine, [0, 0, 1])), both[np.sort(kept)].astype(np.float32))


def alike(first: Keypoints, second: Keypoints, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of keypoints of the first image, and of their partners in the second."""
    a, b = (one.descriptor.astype(np.float32) for one in (first, second))
    distance = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T  # squared
    partner = distance.argmin(1)
    rows = np.arange(len(a))
    least = distance[rows, partner].clip(min=0)
    x, y = (second.place[partner, axis, None] - second.place[:, axis] for axis in (0, 1))
    distance[x * x + y * y < TWINS**2] = np.inf
    other = distance.min(1)
    good = rows[least < ratio**2 * other]
    return good, partner[good]


def _plausible(linear: np.ndarray) -> bool:
    """Whether it neither mirrors nor changes a size more than fourfold."""
    sizes = np.linalg.svd(linear, compute_uv=False)
    return np.linalg.det(linear) > 0 and sizes[0] < 4 and sizes[1] > 0.25
