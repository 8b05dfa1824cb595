# SPDX-License-Identifier: Apache-2.0
"""Feature extraction from whole data sets with a checkpoint."""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch.utils.data import Dataset

from rankseg.analysis.inputs import load_network
from rankseg.datasets import SemiDataset
from rankseg.datasets.checks import evenly_spaced
from rankseg.engine.features import Features, extract_features
from rankseg.engine.known_images import image_names
from rankseg.engine.resilience.checkpoint import load_checkpoint_file
from rankseg.models.layers import find_module
from rankseg.structures import SampleKey
from rankseg.utils.atomic_file import atomic_write

COMPARED = 20  # images whose size is compared


class Extraction:
    """Feature extractor that loads a checkpoint and caches the features of data sets in a folder.

    Without a checkpoint the weights are random, and nothing is cached. By default the network is
    the one that the method predicts with. ``tap`` names its submodule whose output is the feature.

    The name of a cached file is a hash of the content of the checkpoint, of everything that affects
    the features (network, tap, normalization, pipeline) and of the image names. The cache does not
    notice an image file whose pixels change while its name stays. Delete the folder in that case.
    """

    def __init__(
        self,
        cfg: Config,
        checkpoint: str | None,
        network: str | None,
        tap: str,
        cache: str | Path | None,
    ) -> None:
        self.method, network = load_network(cfg, checkpoint, network)
        find_module(self.method.network(network), tap, "tap")
        self.device = next(self.method.parameters()).device
        workers = (cfg.get("test_dataloader") or cfg.train_dataloader).get("num_workers", 0)
        self.options = dict(network=network, tap=tap, num_workers=workers)
        self.folder = Path(cache) if cache and checkpoint else None
        if self.folder is not None:
            made_by = cfg.model.student, cfg.model.get("data_preprocessor"), network, tap
            self._made_by = digest_of_file(checkpoint), [repr(part) for part in made_by]

    def __call__(
        self,
        dataset: Dataset,
        indices: Sequence[int | SampleKey] | None = None,
        draw: Any = None,
    ) -> Features:
        """Return the features of some images, or of all images of a data set.

        In the cache, ``draw`` distinguishes random draws of an image.
        """
        keys = list(range(len(dataset)) if indices is None else indices)
        path = None if self.folder is None else self._path(dataset, keys, draw)
        found = None if path is None else _read(path, len(keys))
        if found is None:
            _check_sizes(dataset, keys)
            found = extract_features(self.method, dataset, keys, **self.options)
            if path is not None:
                with atomic_write(path) as partial:
                    torch.save(found._asdict(), partial)
        return found

    def _path(self, dataset: Dataset, keys: Sequence[int | SampleKey], draw: Any) -> Path:
        """Return the file of the cache for some images of a data set."""
        index = [key.index if isinstance(key, SampleKey) else key for key in keys]
        if isinstance(dataset, SemiDataset):
            parts, names = [dataset.labeled, dataset.unlabeled], image_names(dataset, index)
        else:
            parts, names = [dataset], [dataset.get_data_info(i)["img_path"] for i in index]
        made_by = [*self._made_by, names, [[repr(part.pipeline) for part in parts], draw]]
        key = json.dumps(made_by, sort_keys=True, default=str)
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.pt"


def _check_sizes(dataset: Dataset, keys: Sequence[int | SampleKey]) -> None:
    """Check that images have one size, as features of other sizes differ in scale."""
    shapes: dict[tuple, Any] = {}
    for place in evenly_spaced(len(keys), COMPARED):
        image = dataset[keys[place]]["inputs"]
        image = image if isinstance(image, torch.Tensor) else next(iter(image.values()))
        shapes.setdefault(tuple(image.shape[1:]), keys[place])
    if len(shapes) > 1:
        found = " and ".join(f"{height} x {width}" for height, width in list(shapes)[:2])
        source = getattr(dataset, "source", "the data set")
        raise ValueError(
            f"Expected images of {source} to have one size, but got {found} pixels. Add "
            "ResizeCenter to the pipeline of test_dataloader, or use --size for a data set of "
            "--transfer."
        )


def digest_of_file(path: str | Path) -> str:
    """Return the SHA-256 digest of the content of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while part := stream.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def _read(path: Path, count: int) -> Features | None:
    """Read the features of some images; return None, with a warning, if the file is damaged."""
    if not path.is_file():
        return None
    try:
        found = Features(**load_checkpoint_file(str(path), map_location="cpu"))
        if len(found.feature) == len(found.logits) == count:
            return found
    except Exception as error:  # a damaged file may raise any exception
        reason = f"it could not be read ({type(error).__name__})"
    else:
        reason = "it contains other images"
    message = f"Computing {path} again, because {reason}."
    print_log(message, "current", logging.WARNING)
    return None
