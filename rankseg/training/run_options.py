# SPDX-License-Identifier: Apache-2.0
"""Options of a run that add parts to its config: trackers and early stopping."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process

from rankseg.engine.loops import iterations_of
from rankseg.errors import expect, missing_package
from rankseg.utils.terminal import notify

TRACKERS = {
    "tensorboard": "TensorboardVisBackend",
    "wandb": "WandbTracker",
    "mlflow": "MlflowTracker",
}
"""Backend of the visualizer by the name of its package."""
SENDING = ("WandbTracker", "MlflowTracker")
"""Backends that send data to a server."""
STOPPING = "EarlyStoppingHook"


def use_trackers(cfg: Config, names: str | Sequence[str]) -> None:
    """Log a run to TensorBoard, Weights & Biases or MLflow, in addition to its log file."""
    names = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    for name in names:
        expect(name in TRACKERS, "--log-to", f"one of {', '.join(TRACKERS)}", name)
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:  # a folder of that name is no package
            raise missing_package(name, f"for --log-to {name}")
    if not names:
        return
    visualizer = cfg.get("visualizer") or {"type": "Visualizer"}
    backends = list(visualizer.get("vis_backends") or [{"type": "LocalVisBackend"}])
    for name in names:
        kind = {"type": TRACKERS[name]}
        backends = [one for one in backends if one["type"] != kind["type"]]
        if kind["type"] in SENDING:
            kind["run_name"] = "/".join(Path(cfg.work_dir).absolute().parts[-2:])
        backends.append(kind)
    cfg.visualizer = {**visualizer, "vis_backends": backends}
    if is_main_process():
        if "wandb" in names:
            _log_in()
        if "tensorboard" in names:
            notify(f"To see the curves, run: tensorboard --logdir {cfg.work_dir}")


def _log_in() -> None:
    """Log in to Weights & Biases, which asks for a key on a terminal."""
    import wandb

    if os.environ.get("WANDB_MODE", "online") not in ("online", "shared"):
        return
    try:
        wandb.login()
    except wandb.errors.Error as error:
        raise ValueError(
            "Expected an account of Weights & Biases for --log-to wandb, but could not log in "
            f"({str(error).splitlines()[0].rstrip('.')}). Run: wandb login. Or set "
            "WANDB_MODE=offline to log to files."
        ) from error


def without_trackers(cfg: Config) -> None:
    """Remove the backends that send data to a server from the settings of a run, in place."""
    visualizer = cfg.get("visualizer")
    if isinstance(visualizer, dict) and isinstance(visualizer.get("vis_backends"), list | tuple):
        visualizer["vis_backends"] = [
            one
            for one in visualizer["vis_backends"]
            if not (isinstance(one, dict) and one.get("type") in SENDING)
        ]


def stop_early(cfg: Config, patience: int) -> None:
    """End a run after a number of validations in a row that did not improve its main metric."""
    hooks = [hook for hook in cfg.get("custom_hooks") or [] if hook["type"] != STOPPING]
    cfg.custom_hooks = [*hooks, {"type": STOPPING, "patience": patience}]


def check_patience(cfg: Config, length: int | None, per_pass: int) -> None:
    """Check that a run with early stopping can stop before its planned end, if that is known."""
    hooks = cfg.get("custom_hooks") or []
    stopping = [hook for hook in hooks if hook["type"] == STOPPING]
    if not stopping or cfg.get("val_dataloader") is None:
        return  # without validation, the hook raises an error
    if not any(hook["type"] == "SummaryHook" for hook in hooks):
        raise ValueError(
            "Expected a SummaryHook in custom_hooks, whose key is the metric that --patience "
            "follows, but there is none. Add one, or leave out --patience."
        )
    loop = cfg.train_cfg
    interval = loop.get("val_interval")
    if interval is None and loop.get("type") == "PassTrainLoop":
        interval = iterations_of(loop.get("val_epochs", 1), per_pass)
    if length is None or not interval:
        return
    begin = loop.get("val_begin", 1)
    count = sum(1 for step in range(interval, length + 1, interval) if step >= begin)
    patience = stopping[-1].get("patience", 5)
    if patience >= count:
        raise ValueError(
            f"Expected --patience to be below {count}, the number of validations of the run, but "
            f"got {patience}. Set a smaller one, or validate more often with --cfg-options "
            f"train_cfg.val_interval={max(1, length // (3 * patience))}."
        )
