# SPDX-License-Identifier: Apache-2.0
"""Hook that stops training if losses stay NaN, and saves data for debugging."""

import io
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.distributed import wait_for_main
from rankseg.engine.resilience.checkpoint_hook import CheckpointHook
from rankseg.engine.resilience.non_finite import COUNTS, paths_of
from rankseg.errors import Diverged, RunEnded, expect
from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import WriteError, atomic_write


@HOOKS.register_module()
class NonFiniteStopHook(Hook):
    """Hook that stops training after several steps in a row skipped by :class:`NonFiniteHook`.

    Before it stops, the hook writes a checkpoint of the state before the first skipped step,
    unless the weights are not finite. It also writes the batch to ``non_finite_iter_<n>.pt`` in
    the work folder. ``torch.load(..., weights_only=True)`` reads the file as a dict of
    ``iteration``, ``paths``, ``terms``, and by view ``inputs`` (uint8, as loaded) and ``labels``.
    In distributed training each process writes its own batch.

    Args:
        patience: Number of skipped steps in a row.

    Raises:
        ValueError: If ``patience`` is below 1.
        RunEnded: When training stops. The message says what to check.
    """

    priority = "LOWEST"  # after the iteration is complete, so the checkpoint can be resumed

    def __init__(self, patience: int = 10) -> None:
        expect(patience >= 1, "patience of NonFiniteStopHook", "1 or more", patience)
        self.patience = patience

    def before_train(self, runner: Runner) -> None:
        """Reset the count of a run that is resumed after it was stopped by this hook."""
        in_a_row, in_total = runner.message_hub.get_info(COUNTS, [0, 0])
        if in_a_row >= self.patience:
            runner.message_hub.update_info(COUNTS, [0, in_total])

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Save and stop when the patience is exhausted."""
        in_a_row, _ = runner.message_hub.get_info(COUNTS, [0, 0])
        if in_a_row < self.patience:
            return
        step, file = runner.iter + 1, self._path(runner)
        hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
        errors = [self._try(runner, hook.save_now, runner, step) for hook in hooks]
        unsaved = self._try(runner, save_batch, file, step, data_batch, outputs)
        wait_for_main()
        images = ", ".join(paths_of(data_batch))
        what = (
            f"Training stopped at iteration {step}, because the loss or its gradient was NaN or "
            f"infinite in {in_a_row} steps in a row, which were all skipped"
        )
        for error in errors:
            if isinstance(error, Diverged):
                raise Diverged(f"{what}. {error}") from error
        batch = f"the last batch ({images})" if unsaved else f"the last batch in {file}"
        raise RunEnded(
            f"{what}. Check the images and labels of {batch}. If they are right, the weights have "
            "diverged. Start again with a lower learning rate (--overwrite --cfg-options "
            "optim_wrapper.optimizer.lr=...)."
        )

    @staticmethod
    def _try(runner: Runner, write: Callable, *args) -> Exception | None:
        """Write; log and return an error, such as a full disk, which must not hide the other."""
        try:
            write(*args)
        except (OSError, WriteError, Diverged) as error:
            runner.logger.error(str(error))
            return error
        return None

    @staticmethod
    def _path(runner: Runner) -> Path:
        process = f"_process_{get_rank()}" if get_world_size() > 1 else ""
        return Path(runner.work_dir) / f"non_finite_iter_{runner.iter + 1}{process}.pt"


def save_batch(file: Path, iteration: int, data_batch: dict, terms: dict) -> None:
    """Write a batch of views and its loss terms atomically."""
    samples = data_batch.get("data_samples") or {}
    content = {
        "iteration": iteration,
        "paths": paths_of(data_batch),
        "terms": {name: torch.as_tensor(value).item() for name, value in (terms or {}).items()},
        "inputs": dict(data_batch["inputs"]),
        "labels": {
            view: [sample.gt_sem_seg.data.cpu() for sample in some if "gt_sem_seg" in sample]
            for view, some in samples.items()
        },
    }
    buffer = io.BytesIO()  # on a full disk torch.save raises a RuntimeError without the cause
    torch.save(content, buffer)
    with atomic_write(file) as partial:
        partial.write_bytes(buffer.getbuffer())
