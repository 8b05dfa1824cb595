# SPDX-License-Identifier: Apache-2.0
"""Training from a config."""

import logging
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, find_latest_checkpoint

from rankseg.apis.checks import (
    check_batch,
    check_classes,
    check_model,
    check_views,
    check_weights,
)
from rankseg.datasets.checks import check_data
from rankseg.engine.distributed import start_processes
from rankseg.engine.runner import StrictRunner
from rankseg.registry import DATASETS, HOOKS, MODELS


def use_amp(cfg: Config) -> None:
    """Train in bfloat16 with the channels-last layout; validation stays in float32."""
    cfg.optim_wrapper.type = "AutocastOptimWrapper"
    cfg.model.data_preprocessor.channels_last = True
    cfg.channels_last = True


def scale_learning_rate(cfg: Config) -> None:
    """Train with the learning rate times images per batch over all processes / those meant.

    Raises:
        ValueError: If the config does not say for how many images its learning rate is meant.
    """
    if not (cfg.get("auto_scale_lr") or {}).get("base_batch_size"):
        raise ValueError(
            "--auto-scale-lr: the config does not say for how many images in a batch its learning "
            "rate is meant: add auto_scale_lr=dict(base_batch_size=...)"
        )
    cfg.auto_scale_lr.enable = True


def latest_checkpoint(cfg: Config) -> str:
    """The newest checkpoint of the work folder.

    Raises:
        FileNotFoundError: If there is none.
    """
    folder = Path(cfg.work_dir)
    latest = find_latest_checkpoint(str(folder)) if folder.is_dir() else None
    if latest is not None and not Path(latest).is_file():
        # the run was ended while it saved, or its folder was moved
        there = sorted(folder.glob("iter_*.pth"), key=lambda file: file.stat().st_mtime)
        latest = str(there[-1]) if there else None
    if latest is None:
        raise FileNotFoundError(
            f"--resume found no checkpoint in {folder}: start without --resume, or name "
            "the work folder of the run with --work-dir"
        )
    return latest


def resume_from_latest(cfg: Config) -> None:
    """Have the runner go on from the newest checkpoint of the work folder.

    Raises:
        FileNotFoundError: If there is none.
    """
    cfg.load_from = latest_checkpoint(cfg)
    cfg.resume = True


def check_before_training(cfg: Config) -> None:
    """Build data set and model once and look for mistakes, before anything is written.

    Raises:
        ValueError, FileNotFoundError: One sentence on the first mistake found.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    train = DATASETS.build(cfg.train_dataloader.dataset)
    val = cfg.get("val_dataloader")
    val = None if val is None else DATASETS.build(val.dataset)
    for note in check_data(train, val):
        print_log(note)
    check_classes(cfg, train)
    with torch.device("meta"):
        try:
            model = MODELS.build(cfg.model)
        except (AssertionError, AttributeError) as error:  # how mmseg answers a wrong option
            raise ValueError(f"model of {cfg.get('config_file')}: {error}") from error
    check_model(model, cfg)
    check_batch(model, cfg)
    check_views(model, train, cfg)
    model.check_dataset(train)
    for hook in map(HOOKS.build, cfg.get("custom_hooks") or []):
        if hasattr(hook, "check_dataset"):
            hook.check_dataset(train)
    check_weights(model, cfg)


def train(cfg: Config, check: bool = True) -> Runner:
    """Check, then train.

    Args:
        cfg: From :func:`rankseg.apis.load_config`. ``cfg.load_from`` starts from the weights of a
            checkpoint; with ``cfg.resume`` the run in it goes on.
        check: Look for mistakes first; leave out if :func:`check_before_training` was called.

    Returns:
        The runner, when training has ended.

    Raises:
        ValueError, FileNotFoundError: Before the first iteration, if something is wrong.
    """
    start_processes(cfg)
    if check:
        check_before_training(cfg)
    if not cfg.get("resume") and (Path(cfg.work_dir) / "last_checkpoint").is_file():
        print_log(
            f"{cfg.work_dir} holds an earlier run, which this one overwrites bit by bit; --resume "
            "would have gone on with it",
            level=logging.WARNING,
        )
    cfg = cfg.copy()
    if torch.cuda.is_available():
        cfg.train_dataloader.setdefault("pin_memory", True)
    runner = StrictRunner.from_cfg(cfg)
    if cfg.get("channels_last"):
        runner.model.to(memory_format=torch.channels_last)
    runner.train()
    return runner
