# SPDX-License-Identifier: Apache-2.0
"""Affine-SIFT keypoints of an image, their cache, and their matches in another image."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from rankseg.utils.atomic_file import atomic_write

TWINS = 0.04  # keypoints closer than this, in half sides, are views of the same position
CELL = 0.02  # only one match counts per pair of cells of this side in the two images


class Keypoints(NamedTuple):
    """Keypoints of an image with their descriptors.

    Attributes:
        place: ``(N, 2)`` float32 ``(x, y)``, -1 and 1 at the borders of the image.
        descriptor: ``(N, 128)`` uint8.
    """

    place: np.ndarray
    descriptor: np.ndarray


class Match(NamedTuple):
    """Affine map between two images, and the keypoints that agree on it.

    Attributes:
        homography: ``(3, 3)`` affine map from the first to the second image, in normalized
            coordinates.
        keypoints: ``(M, 4)`` float32, ``(x, y)`` in the first and in the second image, sorted by
            the error of the map, smallest first.
    """

    homography: np.ndarray
    keypoints: np.ndarray

    @property
    def score(self) -> int:
        """Number of keypoints that agree."""
        return len(self.keypoints)


def describe(image: np.ndarray, side: int = 160, tilts: int = 3, limit: int = 600) -> Keypoints:
    """Compute affine-SIFT keypoints, strongest first.

    Args:
        image: ``(H, W, 3)`` uint8.
        side: Length in pixels that the longer side is resized to; time grows with its square.
        tilts: Exponent ``t`` of the largest simulated tilt of the camera, ``2 ** (t / 2)``. 0 is
            plain SIFT.
        limit: Maximum number of keypoints.

    Source: Yu and Morel, ASIFT (IPOL 2011), by OpenCV.
    """
    height, width = image.shape[:2]
    factor = side / max(height, width)
    shape = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    gray = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), shape, interpolation=how)
    finder = cv2.SIFT_create(nfeatures=limit)
    if tilts:
        finder = cv2.AffineFeature_create(finder, tilts, 0)
    points, found = finder.detectAndCompute(gray, None)
    if found is None:
        return Keypoints(np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8))
    order = np.argsort([-point.response for point in points], kind="stable")[:limit]
    place = (2 * np.array([points[i].pt for i in order], np.float32) + 1) / shape - 1
    return Keypoints(place.astype(np.float32), found[order].astype(np.uint8))


def match(
    first: Keypoints, second: Keypoints, ratio: float = 0.8, tolerance: float = 0.04, least: int = 8
) -> Match | None:
    """Match two images: find similar keypoints that agree on an affine map.

    A keypoint counts if its distance to its partner is below ``ratio`` times that to any keypoint
    at another position (affine SIFT has many views of one position). RANSAC finds those that agree,
    and each position counts once. Maps that mirror, or change a size more than fourfold, are
    rejected.

    Args:
        first: Keypoints of the first image.
        second: Keypoints of the second image.
        ratio: Ratio of the distances of descriptors.
        tolerance: Maximum error of a keypoint under the map, in half sides.
        least: Minimum number of keypoints that agree.

    Returns:
        The match, or None if too few keypoints agree.
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
    """Find keypoints of the first image, and their partners in the second, as rows."""
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
    """Return whether a map neither mirrors nor changes a size more than fourfold."""
    sizes = np.linalg.svd(linear, compute_uv=False)
    return np.linalg.det(linear) > 0 and sizes[0] < 4 and sizes[1] > 0.25


class KeypointCache:
    """Disk cache of keypoints, one file per image, of about 130 bytes per keypoint.

    The name of a file is a hash of the path, size and time of the image and of the settings.

    Args:
        folder: Folder of the files; None disables the cache.
        made_by: Description of the settings that produce the keypoints.
    """

    def __init__(self, folder: str | Path | None, made_by: str) -> None:
        self.folder = None if folder is None else Path(folder)
        self.made_by = made_by

    def get(self, image: str | Path, make: Callable[[], Keypoints]) -> Keypoints:
        """Return the keypoints of an image file from the cache, or compute them.

        Raises:
            WriteError: If they cannot be written.
        """
        if self.folder is None:
            return make()
        state = Path(image).stat()
        key = f"{Path(image).absolute()} {state.st_size} {state.st_mtime_ns} {self.made_by}"
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
        try:
            with np.load(path, allow_pickle=False) as found:
                return Keypoints(found["place"], found["descriptor"])
        except Exception:  # missing or damaged in any way: compute the keypoints again
            pass
        keypoints = make()
        with atomic_write(path) as partial, open(partial, "wb") as stream:
            np.savez(stream, **keypoints._asdict())
        return keypoints
