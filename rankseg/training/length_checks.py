# SPDX-License-Identifier: Apache-2.0
"""Checks of the length of a run and of the schedules that depend on it."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import print_log

from rankseg.engine.loops import check_loop, iterations_of
from rankseg.engine.schedulers import planned_rates
from rankseg.registry import DATA_SAMPLERS

LOOP = ("max_epochs", "val_epochs", "max_iters", "val_interval")
TOO_SMALL = 0.01  # fraction of the highest learning rate below which training makes no progress


def run_length(cfg: Config, train: Any) -> tuple[int | None, int]:
    """Return the iterations of a run and those of one pass over the data.

    Args:
        cfg: Config of the run.
        train: Training set.

    Returns:
        Iterations of the run, or None if its loop does not count iterations, and iterations of a
        pass.

    Raises:
        ValueError: If a number in ``train_cfg`` is not positive, or not an integer.
    """
    given = {key: cfg.train_cfg[key] for key in LOOP if key in cfg.train_cfg}
    check_loop(**given)
    sampler = DATA_SAMPLERS.build(
        cfg.train_dataloader.sampler, default_args=dict(dataset=train, seed=0)
    )
    per_pass = sampler.iters_per_epoch
    if given.get("max_iters") is not None:
        return int(given["max_iters"]), per_pass
    ours = cfg.train_cfg.get("type") == "PassTrainLoop"
    return iterations_of(given["max_epochs"], per_pass) if ours else None, per_pass


def check_length(cfg: Config, hooks: Sequence[Hook], length: int | None = None) -> None:
    """Check that schedules, validation and hooks start before the run ends.

    Warns if the warm-up is as long as training or longer. Short trial runs may have that.

    Args:
        cfg: Config of the run.
        hooks: Hooks of the run.
        length: Iterations of the run. Defaults to ``train_cfg.max_iters``, if set.

    Raises:
        ValueError: If a schedule or validation begins after the end, or the ``check_length`` of a
            hook raises it.
    """
    length = length or cfg.train_cfg.get("max_iters")
    if length is None:
        return
    schedulers = cfg.get("param_scheduler") or []
    for i, one in enumerate([schedulers] if isinstance(schedulers, dict) else schedulers):
        if "end" not in one and one.get("begin", 0) >= length:
            raise ValueError(
                f"param_scheduler[{i}], {one.type}, begins after {one.begin} iterations, and "
                f"train_cfg.max_iters is {length}: train longer, or set param_scheduler.{i}.begin, "
                "and the end of the one before it"
            )
    if (warmup := cfg.model.get("warmup", 0)) >= length:
        print_log(
            f"model.warmup={warmup}, and train_cfg.max_iters is {length}: what waits for the end "
            "of the warm-up never begins; train longer, or set model.warmup and model.ramp",
            level=logging.WARNING,
        )
    if cfg.get("val_dataloader"):
        _check_validation(cfg.train_cfg, length)
    for hook in hooks:
        if hasattr(hook, "check_length"):
            hook.check_length(length)


def _check_validation(train_cfg: Mapping, length: int) -> None:
    """Check that validation runs at least once."""
    begin, interval = train_cfg.get("val_begin", 1), train_cfg.get("val_interval") or 0
    if begin > length:
        raise ValueError(
            f"expected train_cfg.val_begin to be at most the {length} iterations of the run, but "
            f"got {begin}: it would never be validated. Set train_cfg.val_begin=1"
        )
    if interval > length:
        print_log(
            f"train_cfg.val_interval={interval} is more than the {length} iterations of the run: "
            "it is validated once, at its end",
            level=logging.WARNING,
        )


def check_schedule(cfg: Config, checkpoint: Mapping, length: int, per_pass: int) -> None:
    """Check that a run resumed for more iterations still has a useful learning rate.

    With ``extend_schedule=True`` the run follows the schedule of the new length, and nothing is
    checked.

    Args:
        cfg: Config of the run.
        checkpoint: Checkpoint to resume from.
        length: Total iterations of the resumed run.
        per_pass: Iterations of a pass over the data.

    Raises:
        ValueError: If the original schedule leaves iterations with a learning rate of about 0.
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
            f"the run was started for {before} iterations and is to have {length}, but its "
            f"schedule of learning rates has ended: they would be {max(left):.3g} or less in "
            f"iterations {first + 1} to {length}. Add --extend-schedule to follow the schedule of "
            f"{length} iterations, which stands at {new[first]:.3g} there, or start a new run from "
            "these weights with --load-from and another --work-dir"
        )
