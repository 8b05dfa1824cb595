# SPDX-License-Identifier: Apache-2.0
"""Checks of the length of a run and of the schedules that depend on it."""

import logging
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.logging import print_log

from rankseg.engine.loops import check_loop, iterations_of
from rankseg.engine.schedulers import planned_rates
from rankseg.errors import expect

LOOP = ("max_epochs", "val_epochs", "max_iters", "val_interval")
TOO_SMALL = 0.01  # fraction of the highest learning rate below which training makes no progress


def run_length(cfg: Config, per_pass: int) -> int | None:
    """Return the iterations of a run, or None if its loop does not count iterations.

    Raises:
        ValueError: If a number in ``train_cfg`` is not positive, or not an integer.
    """
    given = {key: cfg.train_cfg[key] for key in LOOP if key in cfg.train_cfg}
    check_loop(**given)
    if given.get("max_iters") is not None:
        return int(given["max_iters"])
    ours = cfg.train_cfg.get("type") == "PassTrainLoop"
    return iterations_of(given["max_epochs"], per_pass) if ours else None


def check_length(cfg: Config, length: int | None = None) -> None:
    """Check that schedules and validation start before the run ends.

    Warns if the warm-up is as long as training or longer. Short trial runs may have that.
    """
    length = length or cfg.train_cfg.get("max_iters")
    if length is None:
        return
    schedulers = cfg.get("param_scheduler") or []
    for i, one in enumerate([schedulers] if isinstance(schedulers, dict) else schedulers):
        if "end" not in one and one.get("begin", 0) >= length:
            raise ValueError(
                f"Expected param_scheduler[{i}] ({one.type}) to begin before iteration {length}, "
                f"the end of the run, but got begin={one.begin}. Train longer, or set "
                f"param_scheduler.{i}.begin and the end of the scheduler before it."
            )
    if (warmup := cfg.model.get("warmup", 0)) >= length:
        print_log(
            f"model.warmup={warmup} is not below the {length} iterations of the run, so the "
            "unsupervised terms never begin. Train longer, or set a smaller model.warmup and "
            "model.ramp.",
            level=logging.WARNING,
        )
    if cfg.get("val_dataloader"):
        _check_validation(cfg.train_cfg, length)


def _check_validation(train_cfg: Mapping, length: int) -> None:
    """Check that validation runs at least once."""
    begin, interval = train_cfg.get("val_begin", 1), train_cfg.get("val_interval") or 0
    wanted = f"at most {length}, the iterations of the run"
    expect(begin <= length, "train_cfg.val_begin", wanted, begin, "Set train_cfg.val_begin=1.")
    if interval > length:
        print_log(
            f"train_cfg.val_interval={interval} is more than the {length} iterations of the run, "
            "so the run is validated once, at its end.",
            level=logging.WARNING,
        )


def check_schedule(cfg: Config, checkpoint: Mapping, length: int, per_pass: int) -> None:
    """Check that a run resumed for more iterations still has a useful learning rate.

    With ``extend_schedule=True`` the run follows the schedule of the new length, and nothing is
    checked.
    """
    before = checkpoint["message_hub"].get("runtime_info", {}).get("max_iters")
    optimizer = cfg.optim_wrapper.get("optimizer") or {}
    if cfg.get("extend_schedule") or not before or length <= before or "lr" not in optimizer:
        return
    plan = cfg.get("param_scheduler"), optimizer.lr
    old, new = (planned_rates(*plan, end, length - 1, per_pass) for end in (before, length))
    first = max(before, checkpoint["meta"]["iter"])
    left = old[first:]
    if left and max(left) < TOO_SMALL * max(old) and max(new[first:]) > max(left):
        raise ValueError(
            f"Expected a schedule for {length} iterations, but the run was started for {before} "
            f"and its learning rates would be {max(left):.3g} or less in iterations {first + 1} to "
            f"{length}. Add --extend-schedule to follow the schedule of {length} iterations, "
            f"which continues at {new[first]:.3g}, or start a new run from these weights with "
            "--load-from and another --work-dir."
        )
