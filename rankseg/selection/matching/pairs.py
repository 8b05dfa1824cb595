# SPDX-License-Identifier: Apache-2.0
"""Files of pairs of images with matching parts."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np


class MatchedPairs(NamedTuple):
    """Pairs of images, each with the map between them and the keypoints that agree on it.

    Coordinates ``(x, y)`` are normalized: -1 and 1 are the borders of an image.

    Attributes:
        names: ``(N,)`` str, images relative to the data root.
        image: ``(P, 2)`` int64 rows of ``names``.
        homography: ``(P, 3, 3)`` float64, from the first image to the second.
        keypoints: ``(P, M, 4)`` float32 ``(x, y)`` in the first and in the second image; unused
            rows are NaN.
        score: ``(P,)`` int64 number of keypoints that agree, even if not all are kept.
    """

    names: np.ndarray
    image: np.ndarray
    homography: np.ndarray
    keypoints: np.ndarray
    score: np.ndarray

    def swapped(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the map and the keypoints of a pair, from its second image to its first."""
        inverse = np.linalg.inv(self.homography[row])
        return inverse / inverse[2, 2], self.keypoints[row][:, [2, 3, 0, 1]]


def save_pairs(path: str | Path, pairs: MatchedPairs) -> None:
    """Write an ``.npz`` file."""
    with open(path, "wb") as stream:
        np.savez_compressed(stream, **pairs._asdict())


def load_pairs(path: str | Path) -> MatchedPairs:
    """Read the file written by :func:`save_pairs`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a file of matched pairs.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"the file of matched pairs {path} does not exist: make it with tools/match_images.py, "
            "or set matches=None, to train on pairs of views of one image alone"
        )
    try:
        with np.load(path, allow_pickle=False) as found:
            return MatchedPairs(**{name: found[name] for name in MatchedPairs._fields})
    except (KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(
            f"{path} is no file of matched pairs ({error}): expected one that "
            "tools/match_images.py has written"
        ) from error
