# SPDX-License-Identifier: Apache-2.0
"""Generated images that replace a missing data set in its layout."""

import tempfile
from pathlib import Path

from mmengine.config import Config

from rankseg.datasets.base import dataset_class

_KEPT: list[tempfile.TemporaryDirectory] = []  # deleted when the process ends


def make_standin(cfg: Config) -> Path:
    """Write a tiny data set for a config into a temporary folder and point the config to it.

    The folder is deleted when the process ends. See ``make_standin`` of the data set for what it
    writes.

    Args:
        cfg: Config with ``train_dataloader`` over a ``SemiDataset``. Its data roots are changed in
            place.

    Returns:
        The data root.
    """
    return dataset_class(cfg.train_dataloader.dataset.dataset.type).make_standin(cfg)


def evaluation_sets(cfg: Config) -> list[Config]:
    """Return the configs of the validation and the test set."""
    return [cfg[name].dataset for name in ("val_dataloader", "test_dataloader") if cfg.get(name)]


def temporary_root() -> Path:
    """Create a data root that is deleted when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="rankseg-standin-")
    _KEPT.append(folder)
    return Path(folder.name)
