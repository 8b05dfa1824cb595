# SPDX-License-Identifier: Apache-2.0
"""MMEngine runner with strict checkpoint loading and atomic checkpoint saving."""

import functools
import os
import time
import traceback
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.logging import MessageHub, MMLogger
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmengine.runner import runner as mmengine_runner
from torch import nn
from torch.utils.data import DataLoader

from rankseg.engine.activation_checkpointing import turn_on_activation_checkpointing
from rankseg.engine.built import take_built
from rankseg.engine.distributed import synchronize_batch_norm, wrap_for_cpus
from rankseg.engine.fused import prepare
from rankseg.engine.hooks.never_confident import NeverConfidentHook
from rankseg.engine.hooks.start_from import StartFromHook
from rankseg.engine.hooks.terminal import TerminalHook
from rankseg.engine.parameter_log import describe_options, short_parameter_log
from rankseg.engine.resilience.checkpoint import mismatch_error
from rankseg.engine.resilience.data_failures import data_failures
from rankseg.engine.resilience.folder_lock import FolderLock
from rankseg.engine.resilience.identity import KEY, identity
from rankseg.engine.resilience.missed_validation import MissedValidationHook
from rankseg.engine.resilience.non_finite import wrappers_of
from rankseg.engine.resilience.stop import StopHook
from rankseg.engine.resilience.stopping import StopSignals, worker_start
from rankseg.engine.resilience.work_folder_hook import WorkFolderHook
from rankseg.engine.schedulers import follow
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import Diverged, RunEnded
from rankseg.models.weights.checkpoint_file import missing_checkpoint
from rankseg.models.weights.finite import non_finite
from rankseg.utils.atomic_file import NO_ROOM, WriteError, atomic_write, describe
from rankseg.utils.terminal import current_terminal

START_TIME = "%Y%m%d_%H%M%S"
"""Format of the name of a start's folder in the work folder."""
LOGS = ("mmengine.visualization", "mmengine.logging")
"""Modules that write only to the work folder."""

mmengine_runner.get_git_hash = functools.cache(mmengine_runner.get_git_hash)  # not per checkpoint


class StrictRunner(Runner):
    """Runner that rejects mismatched checkpoints and shuts down cleanly on signals.

    MMEngine loads the parameters that match, leaves the others randomly initialized and logs a
    warning. This runner raises an error if any name or shape differs. Checkpoints are written
    atomically. On SIGTERM or SIGINT the run completes the current iteration, saves it and stops.

    Attributes:
        identity: Properties that must not change when a run resumes, see
            :mod:`rankseg.engine.resilience.identity`. None before training.
        lock: Lock of the work folder, in the process that writes there; None without a lock.
    """

    identity: dict | None = None
    _infinite_by_design: Collection[str] = ()  # buffers, such as attention masks
    lock: FolderLock | None = None
    _last_start: float = 0.0  # second of the latest start in this process

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the process, and give the run a start time that no earlier run has.

        MMEngine keeps loggers and visualizers under a name that ends with the second of the start.
        A second run in the same second would write to the files of the first one.
        """
        super().setup_env(env_cfg)
        start = time.mktime(time.strptime(self._timestamp, START_TIME))
        if start <= StrictRunner._last_start:
            start = StrictRunner._last_start + 1
            self._timestamp = time.strftime(START_TIME, time.localtime(start))
        StrictRunner._last_start = start

    def train(self) -> torch.nn.Module:
        """Train the model.

        Raises:
            Stopped: If a signal ended the run. It is a ``KeyboardInterrupt``.
            RunEnded: If training cannot continue. The message is one sentence for the user.
        """
        if names := self.cfg.pop("activation_checkpointing", None):  # or mmengine applies its own
            turn_on_activation_checkpointing(unwrap_method(self), names)
        with StopSignals() as signals:
            self.register_hook(MissedValidationHook())
            self.register_hook(NeverConfidentHook())
            if self.lock is not None:
                self.register_hook(WorkFolderHook(self.lock))
            stop = StopHook(signals)
            self.register_hook(stop)
            self._register_terminal()
            try:
                with data_failures(self.cfg):
                    self._identify()
                    return super().train()
            except (OSError, WriteError) as error:
                self._check_folder()  # a missing folder explains more than the missing file
                if isinstance(error, OSError) and (file := self._unwritten(error)) is not None:
                    raise RunEnded(describe(file, error)) from error
                raise
            except RuntimeError:
                # a signal made another process leave validation while this one waited for it
                stage = self.message_hub.runtime_info.get("loop_stage")
                if get_world_size() > 1 and stage == "val" and signals.between():
                    stop.leave(self, self.iter)
                raise

    def test(self) -> dict:
        """Test the model.

        Raises:
            RunEnded: If the data disappeared or a data loader worker died.
        """
        self._register_terminal()
        with data_failures(self.cfg):
            return super().test()

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build a logger that writes to the log file and, unless it is quiet, to the terminal."""
        logger = super().build_logger(*args, **kwargs)
        if (terminal := current_terminal()) is not None:
            terminal.attach(logger)
        return logger

    def _register_terminal(self) -> None:
        """Show progress on a quiet terminal."""
        if (terminal := current_terminal()) is not None:
            self.register_hook(TerminalHook(terminal))

    def build_model(self, model: dict | nn.Module) -> nn.Module:
        """Build the method of a config, or take the one that the pre-training check built."""
        return take_built() or super().build_model(model)

    def build_optim_wrapper(
        self, optim_wrapper: dict | OptimWrapper
    ) -> OptimWrapper | OptimWrapperDict:
        """Build the optimizers, ready for any checkpoint, and log their options in a few lines."""
        with short_parameter_log():
            found = super().build_optim_wrapper(optim_wrapper)
        for one in found.values() if isinstance(found, OptimWrapperDict) else [found]:
            if found is not optim_wrapper:
                prepare(one.optimizer)
            for line in describe_options(one.optimizer):
                self.logger.info(line)
        return found

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model for distributed training, with or without GPUs.

        The memory layout is set first, because the wrapper lays out the gradients that processes
        exchange like the parameters that it finds.
        """
        if self.cfg.get("channels_last"):
            model = model.to(memory_format=torch.channels_last)
        if not self.distributed:
            return super().wrap_model(model_wrapper_cfg, model)
        if model_wrapper_cfg is None and not torch.cuda.is_available():
            return wrap_for_cpus(model, self.cfg)
        model = synchronize_batch_norm(model, self.cfg)
        sync_bn = self.cfg.pop("sync_bn", None)  # or mmengine converts again
        try:
            return super().wrap_model(model_wrapper_cfg, model)
        finally:
            self.cfg.sync_bn = sync_bn

    @staticmethod
    def build_dataloader(*args, **kwargs) -> DataLoader:
        """Build a data loader as MMEngine does, with workers that ignore signals."""
        loader = Runner.build_dataloader(*args, **kwargs)
        loader.worker_init_fn = worker_start(loader.num_workers, loader.worker_init_fn)
        return loader

    def build_message_hub(self, *args, **kwargs) -> MessageHub:
        """Build an empty message hub.

        MMEngine would reuse the hub of a run that started in the same second.
        """
        hub = super().build_message_hub(*args, **kwargs)
        for content in (hub.log_scalars, hub.runtime_info):
            content.clear()
        return hub

    def _unwritten(self, error: OSError) -> Path | None:
        """Return the file in the work folder that could not be written, or the folder itself.

        Return None if the error concerns another location, such as a full disk for temporary files.
        """
        folder = Path(self.work_dir).absolute()
        if error.filename is None:  # such as a failed log write, which names no file
            trace = traceback.walk_tb(error.__traceback__)
            names = (str(frame.f_globals.get("__name__")) for frame, _ in trace)
            log = error.errno in NO_ROOM and any(name.startswith(LOGS) for name in names)
            return folder if log else None
        file = Path(os.fsdecode(error.filename)).absolute()
        return file if file.is_relative_to(folder) else None

    def _check_folder(self) -> None:
        """Raise ``RunEnded`` if the work folder was moved or removed."""
        if self.lock is not None:
            self.lock.check()

    def _identify(self) -> None:
        """Compute the identity that checkpoints store, before training starts.

        It depends on list files that data sets read from disk. Others may edit or unmount these
        files during the run, so saving must not read them.
        """
        val = None if self.val_loop is None else self.val_dataloader.dataset
        train = self.train_dataloader.dataset
        self.identity = identity(self.cfg, train, val, get_world_size())
        self._infinite_by_design = set(non_finite(unwrap_method(self).named_buffers()))

    def save_checkpoint(
        self, out_dir: str, filename: str, *args, meta: dict | None = None, **kwargs
    ) -> None:
        """Save a checkpoint atomically; arguments as in MMEngine.

        Every process checks its weights. The main process writes.

        Raises:
            Diverged: If a weight or a buffer is NaN or infinite. Nothing is written then.
            WriteError: If the checkpoint cannot be written.
            RunEnded: If the work folder was moved or removed.
        """
        self._check_finite(filename)
        if not is_main_process():
            return
        if self.identity is not None:
            meta = {**(meta or {}), KEY: self.identity}
        self._check_folder()
        try:
            with atomic_write(Path(out_dir) / filename) as partial_file:
                super().save_checkpoint(out_dir, partial_file.name, *args, meta=meta, **kwargs)
                self._check_folder()  # the folder may have moved during the long write
        except RunEnded:
            with suppress(OSError):  # remove the folder that mmengine recreated, if empty
                Path(out_dir).rmdir()
            raise

    def _check_finite(self, filename: str) -> None:
        """Raise ``Diverged`` if the state has unexpected NaN or infinite values."""
        state = unwrap_method(self).state_dict()
        bad = [name for name in non_finite(state.items()) if name not in self._infinite_by_design]
        if bad:
            more = f" and {len(bad) - 1} more tensors" if len(bad) > 1 else ""
            raise Diverged(
                f"{bad[0]}{more} became NaN or infinite in a step with a finite loss and gradient, "
                f"so {filename} was not written. Start again with a lower learning rate "
                "(--overwrite --cfg-options optim_wrapper.optimizer.lr=...) or with clipped "
                "gradients (optim_wrapper.clip_grad.max_norm=1)."
            )

    def load_or_resume(self) -> None:
        """Load or resume as MMEngine does; initial weights may come from other classes."""
        if not self._resume:
            self.register_hook(StartFromHook())
        super().load_or_resume()

    def resume(self, filename: str, *args, **kwargs) -> None:
        """Resume from a checkpoint; arguments as in MMEngine.

        With ``extend_schedule=True`` in the config, learning rates continue as if the run had been
        started with the current length and schedule. The checkpoint is read into CPU memory,
        because a GPU would otherwise hold weights and optimizer twice.
        """
        kwargs.setdefault("map_location", "cpu")
        extend = self.cfg.get("extend_schedule", False)
        begun = [[dict(group) for group in one.optimizer.param_groups] for one in wrappers_of(self)]
        super().resume(filename, *args, resume_param_scheduler=not extend, **kwargs)
        before, now = self.message_hub.runtime_info.get("max_iters"), self.max_iters
        if extend:
            self._extend_schedule(begun)
        elif before is not None and before != now:
            self.logger.warning(
                f"The run was started for {before} iterations and now ends at {now}. Learning "
                f"rates follow the schedule for {before} iterations."
            )

    def _extend_schedule(self, begun: list[list[dict]]) -> None:
        """Set the optimizers to the learning rates of the config's schedule at this iteration."""
        for wrapper, groups in zip(wrappers_of(self), begun, strict=True):
            for group, first in zip(wrapper.optimizer.param_groups, groups, strict=True):
                group.update({key: value for key, value in first.items() if key != "params"})
        found = self.param_schedulers
        for schedulers in found.values() if isinstance(found, dict) else [found or []]:
            follow(schedulers, self.iter)
        rates = [one.optimizer.param_groups[0]["lr"] for one in wrappers_of(self)]
        self.logger.info(
            f"Learning rates follow the schedule for {self.max_iters} iterations: "
            f"{', '.join(f'{rate:.4g}' for rate in rates)} in iteration {self.iter + 1}"
        )

    def load_checkpoint(self, filename, map_location="cpu", strict: bool = True, **kwargs) -> dict:
        """Load a checkpoint file into the model; arguments as in MMEngine.

        Raises:
            FileNotFoundError: If ``filename`` is not a file on this machine.
            ValueError: If the checkpoint does not match the model. The message names the mismatch.
        """
        if not Path(filename).is_file():
            raise missing_checkpoint(filename)
        try:
            return super().load_checkpoint(filename, map_location, strict, **kwargs)
        except RuntimeError as error:
            raise mismatch_error(filename, error) from error
