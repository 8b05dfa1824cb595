# SPDX-License-Identifier: Apache-2.0
"""The images that a network is tested on, and how images are loaded where it is tested on none."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import print_log

from rankseg.registry import DATASETS


def build_test_set(cfg: Config) -> Any:
    """The data set of ``test_dataloader``.

    Args:
        cfg: From :func:`rankseg.apis.load_config`.

    Raises:
        ValueError: If the config has none.
    """
    if not cfg.get("test_dataloader"):
        raise ValueError(
            f"test_dataloader of {cfg.get('config_file', 'the config')} is None: expected a data "
            "set of images with labels, which is what is asked for here; add one with test_cfg "
            "and test_evaluator"
        )
    return DATASETS.build(cfg.test_dataloader.dataset)


def loading_pipeline(cfg: Config, image: str | Path) -> list[dict]:
    """How images are loaded to be looked at: by the pipeline of ``test_dataloader``.

    A config without one, of photos alone, says how images are loaded for training, at random. What
    is not at random is the size of these views: the middle of an image is brought to it.

    Args:
        cfg: From :func:`rankseg.apis.load_config`, of images as a whole.
        image: One of the files, to see how large its view is.
    """
    if cfg.get("test_dataloader"):
        return cfg.test_dataloader.dataset.pipeline
    semi = cfg.train_dataloader.dataset
    steps = semi.get("unlabeled_pipeline") or semi.labeled_pipeline
    sample = {"img_path": str(image), "sample_idx": 0, "gt_label": 0, "seed": (0, 0, 0)}
    views = Compose(steps)(sample)["inputs"]
    side = min(next(iter(views.values())).shape[1:])
    print_log(
        f"{cfg.get('config_file', 'the config')} has no test_dataloader: of an image the middle "
        f"is looked at, in {side}x{side} pixels as in training"
    )
    return [dict(type="LoadImage"), dict(type="ResizeCenter", size=side), dict(type="PackEval")]
