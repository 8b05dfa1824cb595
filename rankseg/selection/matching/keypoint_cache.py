# SPDX-License-Identifier: Apache-2.0
"""Keypoints on disk: finding them takes most of the time, and clusters change while they do not."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rankseg.selection.matching.affine_sift import Keypoints
from rankseg.utils.atomic_file import whole_file


class KeypointCache:
    """Keeps the keypoints of image files, a file for each; about 130 bytes for a keypoint.

    The name of a file follows from path, size and time of the image and from the settings.

    Args:
        folder: Where the files are; None keeps nothing.
        made_by: What makes them, as text.
    """

    def __init__(self, folder: str | Path | None, made_by: str) -> None:
        self.folder = None if folder is None else Path(folder)
        self.made_by = made_by

    def get(self, image: str | Path, make: Callable[[], Keypoints]) -> Keypoints:
        """The keypoints of an image file: those on disk, or newly made.

        Raises:
            WriteError: If they cannot be kept.
        """
        if self.folder is None:
            return make()
        state = Path(image).stat()
        key = f"{Path(image).absolute()} {state.st_size} {state.st_mtime_ns} {self.made_by}"
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
        try:
            with np.load(path, allow_pickle=False) as found:
                return Keypoints(found["place"], found["descriptor"])
        except Exception:  # not there, or whatever a damaged file raises: it is made anew
            pass
        keypoints = make()
        with whole_file(path) as partial, open(partial, "wb") as stream:
            np.savez(stream, **keypoints._asdict())
        return keypoints
