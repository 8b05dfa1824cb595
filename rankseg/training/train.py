# SPDX-License-Identifier: Apache-2.0
"""Training from a config."""

import re
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size, is_main_process
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from rankseg.engine.built import Built, build_method
from rankseg.engine.distributed import main_process_first, start_processes
from rankseg.engine.fused import use_fused
from rankseg.engine.hooks.base import RunSetup
from rankseg.engine.resilience.checkpoint import read_resumable, reading_once
from rankseg.engine.resilience.identity import check_same_run, identity, list_sources
from rankseg.engine.runner import StrictRunner
from rankseg.engine.trackers import close_backends
from rankseg.registry import DATASETS, HOOKS
from rankseg.training.config_source import check_values
from rankseg.training.device_checks import check_deterministic, why_no_gpu
from rankseg.training.encoder_checks import note_pixel_values
from rankseg.training.follow_length import describe_lengths, keep_lengths
from rankseg.training.length_checks import check_length, check_schedule, run_length
from rankseg.training.network_checks import (
    check_layer_decay,
    check_model,
    check_prediction,
    check_preprocessor,
)
from rankseg.training.result import TrainResult
from rankseg.training.run_options import check_patience, stop_early, use_trackers
from rankseg.training.validation import (
    build_sampler,
    check_batch,
    check_classes,
    check_files,
    check_hooks,
    check_metrics,
    check_one_image,
    check_views,
    check_weights,
)
from rankseg.training.work_folder import (
    check_start,
    check_unused,
    check_work_dir,
    lock_work_dir,
    remove_run,
)
from rankseg.utils.bfloat16 import why_float32
from rankseg.utils.terminal import notify, quiet_terminal
from rankseg.utils.threads import limit_threads, log_threads

ROUTINE = re.compile(r"split '|checked |.* passed an earlier check and ")
"""Results of the checks of files that only the log needs."""


def use_amp(cfg: Config) -> None:
    """Train in bfloat16 with the channels-last layout. Validation stays in float32.

    On a device that only emulates bfloat16, training stays in float32, too, and says so.
    """
    cfg.optim_wrapper.type = "AutocastOptimWrapper"
    cfg.model.data_preprocessor.channels_last = True
    cfg.channels_last = True


def scale_learning_rate(cfg: Config) -> None:
    """Scale the learning rate linearly with the total batch size over all processes.

    The base is ``auto_scale_lr.base_batch_size`` of the config.

    Raises:
        ValueError: If the config does not set it.
    """
    if not (cfg.get("auto_scale_lr") or {}).get("base_batch_size"):
        raise ValueError(
            "Expected auto_scale_lr.base_batch_size in the config for --auto-scale-lr, the batch "
            "size that its learning rate is for, but it is not set. Add "
            "auto_scale_lr=dict(base_batch_size=...)."
        )
    cfg.auto_scale_lr.enable = True


def check_before_training(cfg: Config, overwrite: bool = False, full: bool = False) -> Built:
    """Build data set and model once and check them, before anything is written.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.
        overwrite: Whether an existing run in the work folder may be removed.
        full: Decode every file of every list, including the test set, and report all invalid files.

    Returns:
        The built method, which can be passed to :func:`train`.

    Raises:
        ValueError, FileNotFoundError: If a check fails. The message describes the first
            error found.
    """
    check_values(cfg.to_dict(), cfg.get("config_file", ""))  # including values set later
    keep_lengths(cfg)
    check_deterministic(cfg)
    if is_main_process():
        check_work_dir(cfg.work_dir)
    if not (cfg.get("resume") or overwrite):
        check_unused(cfg.work_dir)
    if overwrite and not cfg.get("resume"):
        check_start(cfg.work_dir, cfg.get("load_from"))
    init_default_scope(cfg.get("default_scope", "rankseg"))
    train = DATASETS.build(cfg.train_dataloader.dataset)
    val = cfg.get("val_dataloader")
    val = None if val is None else DATASETS.build(val.dataset)
    if is_main_process():
        for note in check_files(cfg, train, val, full):
            if ROUTINE.match(note):
                print_log(note, "current")
            else:
                notify(f"note: {note}")
        if sentence := describe_lengths(cfg):
            notify(sentence)
        if sentence := why_no_gpu():
            notify(f"note: {sentence}")
        wrapper = (cfg.get("optim_wrapper") or {}).get("type")  # MMEngine has a default
        if wrapper == "AutocastOptimWrapper" and (sentence := why_float32(get_device())):
            notify(f"note: {sentence}")
    check_classes(cfg, train)
    if val is not None:
        check_metrics(cfg.get("val_evaluator"), val)
    check_preprocessor(cfg)
    built = build_method(cfg)
    model = built.method
    check_model(model, cfg)
    check_layer_decay(model, cfg)
    sampler = build_sampler(cfg, train)
    length = run_length(cfg, sampler.iters_per_epoch)
    check_patience(cfg, length, sampler.iters_per_epoch)
    setup = RunSetup(model, train, val, sampler, length)
    check_batch(setup, cfg)
    check_one_image(setup, cfg)
    check_hooks(setup, [HOOKS.build(hook) for hook in cfg.get("custom_hooks") or []])
    check_views(setup)
    if val is not None:
        check_prediction(model, val[0]["inputs"])
    model.check_dataset(train)
    model.check_run(cfg)
    check_length(cfg, length)
    if cfg.get("resume") and cfg.get("load_from"):
        checkpoint = read_resumable(cfg.load_from)
        now, extend = identity(cfg, train, val, get_world_size()), cfg.get("extend_schedule", False)
        sources = list_sources(train, val)
        check_same_run(cfg.load_from, checkpoint["meta"], now, sources, new_schedule=extend)
        if length is not None:
            check_schedule(cfg, checkpoint, length, sampler.iters_per_epoch)
    check_weights(model, cfg)
    note_pixel_values(model, cfg)
    return built


def train(
    cfg: Config,
    check: bool = True,
    overwrite: bool = False,
    built: Built | None = None,
    verbose: bool = False,
    log_to: str | Sequence[str] = (),
    patience: int | None = None,
) -> TrainResult:
    """Check the config, then train.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`. ``cfg.load_from`` starts from the weights
            of a checkpoint. ``cfg.resume`` resumes the run of that checkpoint, and
            ``cfg.extend_schedule`` makes it follow the learning rates of its new length.
        check: Whether to call :func:`check_before_training` first. Set False if it was called
            already.
        overwrite: Remove the checkpoints and notes of an existing run in the work folder. Without
            it, a new run in the folder of another one is refused.
        built: Return value of :func:`check_before_training` for this config.
        verbose: Show all log messages on the terminal. By default it shows a summary, and the log
            file in the work folder has all messages.
        log_to: ``"tensorboard"``, ``"wandb"``, ``"mlflow"``, or several of them, which log the run
            in addition.
        patience: Number of validations in a row without an improvement of the main metric after
            which the run ends early. Default: the run never ends early.

    Returns:
        Metrics, checkpoints and work folder of the run.

    Raises:
        ValueError, FileNotFoundError: If a check fails before the first iteration, or another run
            uses the work folder.
        RunEnded: If the run cannot continue.
        Stopped: If SIGTERM or SIGINT stopped the run, after its state was saved. It is a
            ``KeyboardInterrupt``.
    """
    start_processes(cfg)
    with ExitStack() as held:
        held.enter_context(reading_once())
        terminal = held.enter_context(quiet_terminal(verbose))
        if terminal is not None:
            held.callback(terminal.end_progress)  # before a message about how the run ended
        with main_process_first():
            lock = held.enter_context(lock_work_dir(cfg.work_dir))
            use_trackers(cfg, log_to)
        if patience is not None:
            stop_early(cfg, patience)
        if check:
            built = check_before_training(cfg, overwrite)
        if overwrite and not cfg.get("resume") and is_main_process():
            remove_run(cfg.work_dir)
        runner = _build_runner(cfg.copy(), built)
        held.callback(close_backends, runner)
        runner.lock = lock
        limit_threads("current")
        log_threads("current")
        runner.train()
    return TrainResult.of_runner(runner)


def _build_runner(cfg: Config, built: Built | None) -> StrictRunner:
    """Build the runner of a config, which is changed in place, reusing a method built before."""
    for part in ("val", "test"):  # mmengine refuses a loop or metric without a data loader
        if cfg.get(f"{part}_dataloader") is None:
            cfg[f"{part}_cfg"] = cfg[f"{part}_evaluator"] = None
    if torch.cuda.is_available():
        cfg.train_dataloader.setdefault("pin_memory", True)
        use_fused(cfg)
    with nullcontext() if built is None else built.for_runner():
        return StrictRunner.from_cfg(cfg)
