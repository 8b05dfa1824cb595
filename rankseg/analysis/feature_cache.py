# SPDX-License-Identifier: Apache-2.0
"""Cache of features on disk, so that further analyses of a checkpoint can reuse them."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log

from rankseg.engine.features import Features
from rankseg.engine.resilience.checkpoint import load_checkpoint_file
from rankseg.utils.atomic_file import atomic_write


def digest_of_file(path: str | Path) -> str:
    """Return the SHA-256 digest of the content of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while part := stream.read(2**20):
            digest.update(part)
    return digest.hexdigest()


class FeatureCache:
    """Cache of image features of one checkpoint, with a file for every list of images.

    The file name is a hash of the content of the checkpoint, of everything that affects the
    features (network, tap, normalization, pipeline) and of the image names. The cache does not
    notice an image file whose pixels change while its name stays. Delete the folder in that case.

    Args:
        folder: Folder of the cache files; ``None`` disables caching.
        checkpoint: Checkpoint file; only needed if caching is enabled.
        made_by: Settings that affect the features, as plain data.
    """

    def __init__(
        self, folder: str | Path | None, checkpoint: str | Path | None, made_by: Any
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self._base: tuple = ()
        if self.folder is not None:
            self._base = digest_of_file(checkpoint), made_by

    def get(self, names: Sequence[str], draw: Any, make: Callable[[], Features]) -> Features:
        """Return the features of some images from disk, or compute and store them.

        Args:
            names: Paths of the images.
            draw: Further cache key, such as the pipeline and the random draw.
            make: Function that computes the features.

        Raises:
            WriteError: If they cannot be written.
        """
        if self.folder is None:
            return make()
        key = json.dumps([*self._base, list(names), draw], sort_keys=True, default=str)
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.pt"
        found = self._read(path, len(names))
        if found is None:
            found = make()
            with atomic_write(path) as partial:
                torch.save(found._asdict(), partial)
        return found

    @staticmethod
    def _read(path: Path, count: int) -> Features | None:
        if not path.is_file():
            return None
        try:
            found = Features(**load_checkpoint_file(str(path), map_location="cpu"))
            if len(found.feature) == len(found.logits) == count:
                return found
        except Exception as error:  # a damaged file may raise any exception
            reason = f" ({type(error).__name__})"
        else:
            reason = " (it holds other images)"
        print_log(f"{path} cannot be used{reason} and is made anew", "current", logging.WARNING)
        return None
