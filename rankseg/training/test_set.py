# SPDX-License-Identifier: Apache-2.0
"""Test set of a config, and the pipeline that loads images for inspection."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import print_log

from rankseg.registry import DATASETS


def build_test_set(cfg: Config) -> Any:
    """Build the data set of ``test_dataloader``.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.
    """
    if not cfg.get("test_dataloader"):
        raise ValueError(
            f"Expected test_dataloader of {cfg.get('config_file', 'the config')} to load images "
            "with labels, but got None. Add one, with test_cfg and test_evaluator."
        )
    return DATASETS.build(cfg.test_dataloader.dataset)


def loading_pipeline(cfg: Config, image: str | Path) -> list[dict]:
    """Return the pipeline that loads images for inspection, that of ``test_dataloader``.

    A config without one has only a random training pipeline. Then the pipeline crops the center of
    an image and resizes it to the size of the training views, which is measured on one image.
    """
    if cfg.get("test_dataloader"):
        return cfg.test_dataloader.dataset.pipeline
    semi = cfg.train_dataloader.dataset
    steps = semi.get("unlabeled_pipeline") or semi.labeled_pipeline
    sample = {"img_path": str(image), "sample_idx": 0, "gt_label": 0, "seed": (0, 0, 0)}
    views = Compose(steps)(sample)["inputs"]
    side = min(next(iter(views.values())).shape[1:])
    print_log(
        f"{cfg.get('config_file', 'The config')} has no test_dataloader. Using the center of each "
        f"image, resized to {side}x{side} pixels as in training."
    )
    return [dict(type="LoadImage"), dict(type="ResizeCenter", size=side), dict(type="PackEval")]
