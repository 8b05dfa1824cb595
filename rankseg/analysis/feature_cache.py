# SPDX-License-Identifier: Apache-2.0
"""Features on disk, so that another question about a checkpoint does not need them anew."""

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
from rankseg.utils.atomic_file import whole_file


def digest_of_file(path: str | Path) -> str:
    """SHA-256 of what is in a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while part := stream.read(2**20):
            digest.update(part)
    return digest.hexdigest()


class FeatureCache:
    """Keeps the features of some images by one checkpoint, a file for every list of images.

    The name of a file follows from the contents of the checkpoint, from everything that makes the
    features (network, tap, normalisation, pipeline) and from the names of the images. An image file
    whose pixels change while its name stays goes unnoticed: delete the folder then.

    Args:
        folder: Where the files are; ``None`` keeps nothing.
        checkpoint: The file of the weights; only where something is kept.
        made_by: What makes the features, as plain data.
    """

    def __init__(
        self, folder: str | Path | None, checkpoint: str | Path | None, made_by: Any
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self._base: tuple = ()
        if self.folder is not None:
            self._base = digest_of_file(checkpoint), made_by

    def get(self, names: Sequence[str], draw: Any, make: Callable[[], Features]) -> Features:
        """The features of some images: those on disk, or newly made and written there.

        Args:
            names: Paths of the images.
            draw: What else tells them apart, such as how they are loaded.
            make: Makes them.

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
            with whole_file(path) as partial:
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
        except Exception as error:  # whatever a damaged file raises
            reason = f" ({type(error).__name__})"
        else:
            reason = " (it holds other images)"
        print_log(f"{path} cannot be used{reason} and is made anew", "current", logging.WARNING)
        return None
