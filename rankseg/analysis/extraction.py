# SPDX-License-Identifier: Apache-2.0
"""Feature extraction from whole data sets with a checkpoint."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch.utils.data import Dataset

from rankseg.analysis.feature_cache import FeatureCache
from rankseg.engine.features import Features, extract_features
from rankseg.inference.load import load_method, untrained
from rankseg.models.layers import find_module
from rankseg.structures import SampleKey

LOOKED_AT = 20  # images whose size is compared


class Extraction:
    """Feature extractor that loads a checkpoint and caches the features of data sets.

    Args:
        cfg: Config of the checkpoint.
        checkpoint: Checkpoint file. ``None`` uses random weights and disables caching.
        network: ``"student"`` or ``"teacher"``; by default the one that the method predicts with.
        tap: Submodule of the network whose output is the feature.
        cache: Folder to cache features in; ``None`` disables caching.

    Attributes:
        device: Device of the network.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If it does not fit, or there is no such network or submodule.
    """

    def __init__(
        self,
        cfg: Config,
        checkpoint: str | None,
        network: str | None,
        tap: str,
        cache: str | None,
    ) -> None:
        self.method = untrained(cfg) if checkpoint is None else load_method(cfg, checkpoint)
        if network == "teacher" and self.method.teacher is None:
            raise ValueError(
                f"{type(self.method).__name__} of this config has no teacher: use the student"
            )
        network = network or self.method.predict_on
        find_module(self.method.network(network), tap, "tap")
        self.device = next(self.method.parameters()).device
        workers = (cfg.get("test_dataloader") or cfg.train_dataloader).get("num_workers", 0)
        self.options = dict(network=network, tap=tap, num_workers=workers)
        preprocessor = cfg.model.get("data_preprocessor")
        made_by = [cfg.model.student, preprocessor, network, tap]
        self.cache = FeatureCache(
            cache if checkpoint else None, checkpoint, [repr(part) for part in made_by]
        )

    def __call__(
        self,
        dataset: Dataset,
        indices: Sequence[int | SampleKey] | None = None,
        names: Sequence[str] | None = None,
        draw: Any = None,
    ) -> Features:
        """Return the features of some images, or of all images of a data set.

        Args:
            dataset: A training or test set.
            indices: Indices to load from the data set; ``None`` for all.
            names: Paths of these images, or of all if ``indices`` is ``None``.
            draw: Cache key that distinguishes several random draws of an image.

        Raises:
            ValueError: If the images have different sizes.
        """
        keys = list(range(len(dataset)) if indices is None else indices)
        if names is None:
            names = [dataset.get_data_info(i)["img_path"] for i in keys]
        parts = [dataset] if hasattr(dataset, "pipeline") else [dataset.labeled, dataset.unlabeled]
        pipelines = [repr(part.pipeline) for part in parts]

        def make() -> Features:
            _check_sizes(dataset, keys)
            return extract_features(self.method, dataset, keys, **self.options)

        return self.cache.get(names, [pipelines, draw], make)


def _check_sizes(dataset: Dataset, keys: Sequence[int | SampleKey]) -> None:
    """Check that images have one size, as features of other sizes differ in scale."""
    shapes: dict[tuple, Any] = {}
    for place in np.linspace(0, len(keys) - 1, min(LOOKED_AT, len(keys))).astype(int):
        image = dataset[keys[place]]["inputs"]
        image = image if isinstance(image, torch.Tensor) else next(iter(image.values()))
        shapes.setdefault(tuple(image.shape[1:]), keys[place])
    if len(shapes) > 1:
        found = " and ".join(f"{height} x {width}" for height, width in list(shapes)[:2])
        raise ValueError(
            f"images of {getattr(dataset, 'source', 'the data set')} come in different sizes, such "
            f"as {found} pixels: bring them to one size by ResizeCenter in the pipeline of "
            "test_dataloader, those of a data set for transfer by --size"
        )
