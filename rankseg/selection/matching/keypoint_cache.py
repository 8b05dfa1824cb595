# SPDX-License-Identifier: Apache-2.0
"""Disk cache of keypoints, which are slow to compute and do not depend on the clusters."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rankseg.selection.matching.affine_sift import Keypoints
from rankseg.utils.atomic_file import atomic_write


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
