# SPDX-License-Identifier: Apache-2.0
"""Pairs of matching images: search within clusters, and the file of matched pairs."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankseg.selection.matching.affine_sift import Keypoints, Match


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
            f"Expected matches of PairViews to be a file of matched pairs, but {path} does not "
            "exist. Run: python tools/match_images.py CONFIG CHECKPOINT --out FILE with a config "
            "of configs/metric_learning, or set matches=None to train only on views of one image."
        )
    try:
        with np.load(path, allow_pickle=False) as found:
            return MatchedPairs(**{name: found[name] for name in MatchedPairs._fields})
    except (KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(
            f"Expected {path} to be a file of tools/match_images.py, but it cannot be read "
            f"({error}). Run the tool again."
        ) from error


def candidates(labels: np.ndarray, features: np.ndarray, nearest: int) -> Iterator[np.ndarray]:
    """Iterate over the pairs of images to compare, cluster by cluster.

    Args:
        labels: ``(N,)`` cluster of every image.
        features: ``(N, D)`` features of the images.
        nearest: Number of nearest images in its cluster that each image is compared with.

    Yields:
        ``(P, 2)`` int64 pairs of a cluster, the smaller index first, each pair once. Clusters of
        one image are skipped.
    """
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) <= nearest + 1:
            pairs = list(combinations(members.tolist(), 2))
        else:
            own = features[members].astype(np.float64)
            square = (own**2).sum(1)
            distance = square[:, None] + square - 2 * own @ own.T
            np.fill_diagonal(distance, np.inf)
            close = np.argpartition(distance, nearest - 1, axis=1)[:, :nearest]
            both = np.stack((np.arange(len(own)).repeat(nearest), close.ravel()), 1)
            pairs = members[np.unique(np.sort(both, axis=1), axis=0)]
        if len(pairs):
            yield np.asarray(pairs, np.int64)


def match_cluster(
    pairs: np.ndarray,
    keypoints: Callable[[int], Keypoints],
    compare: Callable[[Keypoints, Keypoints], Match | None],
    top: int,
) -> list[tuple[int, int, Match]]:
    """Compare the pairs of a cluster, and keep those that are among the best of an image.

    Args:
        pairs: ``(P, 2)`` images.
        keypoints: Function that returns the keypoints of an image.
        compare: Function that returns the match of two images, or None.
        top: Number of matches to keep per image.
    """
    images = {int(i): keypoints(int(i)) for i in np.unique(pairs)}
    found = []
    for one, other in pairs.tolist():
        match = compare(images[one], images[other])
        if match is not None:
            found.append((one, other, match))
    found.sort(key=lambda entry: (-entry[2].score, *entry[:2]))
    count: dict[int, int] = {}
    kept = []
    for one, other, match in found:
        if min(count.get(one, 0), count.get(other, 0)) < top:
            kept.append((one, other, match))
        for image in (one, other):
            count[image] = count.get(image, 0) + 1
    return kept


def pack_pairs(
    names: Sequence[str], found: Sequence[tuple[int, int, Match]], keep: int
) -> MatchedPairs:
    """Pack matches into arrays, the best first.

    Args:
        names: Names of all images.
        found: Matches with the indices of their images.
        keep: Number of keypoints to keep per match, those that fit best.
    """
    found = sorted(found, key=lambda entry: (-entry[2].score, *entry[:2]))
    keypoints = np.full((len(found), keep, 4), np.nan, np.float32)
    for row, (_, _, match) in enumerate(found):
        keypoints[row, : min(keep, match.score)] = match.keypoints[:keep]
    maps = [match.homography for _, _, match in found]
    return MatchedPairs(
        names=np.array(names, dtype=np.str_),
        image=np.array([entry[:2] for entry in found], np.int64).reshape(-1, 2),
        homography=np.array(maps, np.float64).reshape(-1, 3, 3),
        keypoints=keypoints,
        score=np.array([match.score for _, _, match in found], np.int64),
    )


def share_of_true(pairs: np.ndarray, truth: np.ndarray) -> float | None:
    """Compute the share of pairs whose images have the same class, if both classes are known.

    Args:
        pairs: ``(P, 2)`` images.
        truth: ``(N,)`` classes, -1 if unknown.

    Returns:
        Share in ``[0, 1]``; None if there is no pair of known classes.
    """
    classes = truth[pairs]
    known = (classes >= 0).all(1)
    return float((classes[known, 0] == classes[known, 1]).mean()) if known.any() else None


def share_in_clusters(labels: np.ndarray, truth: np.ndarray) -> float | None:
    """Compute :func:`share_of_true` over all pairs within clusters, without listing the pairs."""
    known = truth >= 0
    if not known.any():
        return None
    _, label = np.unique(labels[known], return_inverse=True)
    _, classes = np.unique(truth[known], return_inverse=True)
    table = np.zeros((label.max() + 1, classes.max() + 1), np.int64)
    np.add.at(table, (label, classes), 1)
    own = table.sum(1)
    pairs = (own * (own - 1)).sum()
    return float((table * (table - 1)).sum() / pairs) if pairs else None
