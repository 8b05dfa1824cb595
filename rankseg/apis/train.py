# SPDX-License-Identifier: Apache-2.0
"""Training from a config."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, find_latest_checkpoint

from rankseg.apis.checkpoint import load_weights
from rankseg.apis.checks import check_mixing, check_model
from rankseg.datasets.checks import check_data
from rankseg.registry import DATASETS, MODELS


def use_amp(cfg: Config) -> None:
    """Train and validate in bfloat16 with the channels-last layout."""
    cfg.optim_wrapper.type = "AutocastOptimWrapper"
    cfg.model.data_preprocessor.channels_last = True
    cfg.channels_last = True


def resume_from_latest(cfg: Config) -> None:
    """Have the runner go on from the newest checkpoint of the work folder.

    Raises:
        FileNotFoundError: If there is none.
    """
    folder = Path(cfg.work_dir)
    latest = find_latest_checkpoint(str(folder)) if folder.is_dir() else None
    if latest is None:
        raise FileNotFoundError(
            f"--resume found no checkpoint in {folder} (no last_checkpoint): start without "
            "--resume, or name the work folder of the run with --work-dir"
        )
    cfg.resume = True
    cfg.load_from = None


def check_before_training(cfg: Config) -> None:
    """Build data set and model once and look for mistakes, before anything is written.

    Raises:
        ValueError, FileNotFoundError: One sentence on the first mistake found.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    val = cfg.get("val_dataloader")
    notes = check_data(
        DATASETS.build(cfg.train_dataloader.dataset), val and DATASETS.build(val.dataset)
    )
    for note in notes:
        print_log(note)
    with torch.device("meta"):
        model = MODELS.build(cfg.model)
    check_model(model, cfg)
    check_mixing(model, cfg)
    sampler = cfg.train_dataloader.sampler
    wanted = sampler.labeled + (0 if sampler.get("labeled_only") else sampler.unlabeled)
    if cfg.train_dataloader.batch_size != wanted:
        raise ValueError(
            f"train_dataloader.batch_size={cfg.train_dataloader.batch_size} but the sampler makes "
            f"batches of {wanted} ({sampler}): set batch_size={wanted}"
        )


def train(cfg: Config, check: bool = True) -> Runner:
    """Check, then train.

    Args:
        cfg: From :func:`rankseg.apis.load_config`; ``cfg.resume`` goes on from the newest
            checkpoint of the work folder.
        check: Look for mistakes first; leave out if :func:`check_before_training` was called.

    Returns:
        The runner, when training has ended.

    Raises:
        ValueError, FileNotFoundError: Before the first iteration, if something is wrong.
    """
    if check:
        check_before_training(cfg)
    cfg = cfg.copy()
    load_from = None if cfg.get("resume") else cfg.pop("load_from", None)
    cfg.load_from = None
    runner = Runner.from_cfg(cfg)
    if cfg.get("channels_last"):
        runner.model.to(memory_format=torch.channels_last)
    if load_from:
        load_weights(runner, load_from)
    runner.train()
    return runner
