# SPDX-License-Identifier: Apache-2.0
"""Checkpoint hook that writes a new checkpoint before it removes an old one."""

import re
from pathlib import Path

from mmengine.dist import is_main_process, master_only
from mmengine.hooks import CheckpointHook as _CheckpointHook
from mmengine.runner import Runner

from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import PARTIAL, write_text
from rankseg.utils.link_file import write_link

VALIDATED = "latest_validation"
"""Message hub key of the iteration of the latest validation included in a checkpoint."""
DROPPED = "dropped_ckpt_ids"
"""Message hub key of the iterations whose checkpoints this checkpoint replaces."""
LAST, BEST = "last.pth", "best.pth"
"""Links in the work folder."""

_NUMBER = re.compile(r"\d+")


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """MMEngine's ``CheckpointHook`` with atomic file replacement; options as in MMEngine.

    MMEngine removes the oldest checkpoint and the best one before it writes their replacements, so
    a full disk can destroy both. This hook first writes the new checkpoint
    (:meth:`rankseg.engine.runner.StrictRunner.save_checkpoint`), then ``last_checkpoint``, and
    then removes the old ones. The new checkpoint lists the ones it replaces, so a run killed in
    between removes them when it resumes. Checkpoints that this run did not write and replace itself
    are kept.

    The links ``last.pth`` and ``best.pth`` in the work folder lead to the newest checkpoint and to
    that of the best validation (by the first metric of ``save_best``). They change before an old
    checkpoint is removed, so they always lead to a complete file.
    """

    def before_train(self, runner: Runner) -> None:
        """Restore the state of a resumed run and remove leftover files."""
        super().before_train(runner)
        saved = Path(self.out_dir) / self.filename_tmpl.format(runner.iter)
        self.last_ckpt = str(saved) if runner.iter and saved.is_file() else None
        self._remove(rf"(best_.+_)?{self._names()}{re.escape(PARTIAL)}")
        if self.last_ckpt is not None:
            self._link(runner, LAST, self.last_ckpt)
        self._link_best(runner)
        self._remove_dropped(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Save the best checkpoint, and save this iteration's again with its validation.

        MMEngine does the latter only after a new best. A resumed run repeats a validation that no
        checkpoint includes (:class:`~rankseg.engine.resilience.missed_validation`).
        """
        runner.message_hub.update_info(VALIDATED, runner.iter)
        self._knows = None
        super().after_val_epoch(runner, metrics)
        step, name = runner.iter, self.filename_tmpl.format(runner.iter)
        # also without an earlier checkpoint, so that a run that ends early can be resumed
        due = self.last_ckpt is None or Path(self.last_ckpt).name == name
        if due and self._knows != step and not self.by_epoch:
            self._save_checkpoint_with_step(runner, step, dict(epoch=runner.epoch, iter=step))

    def save_now(self, runner: Runner, step: int) -> str:
        """Save a checkpoint after ``step`` iterations, if there is none yet; return its path."""
        name = self.filename_tmpl.format(step)
        if self.last_ckpt is None or Path(self.last_ckpt).name != name:
            self._save_checkpoint_with_step(runner, step, dict(epoch=runner.epoch, iter=step))
        return str(self.last_ckpt)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        name, self._knows = self.filename_tmpl.format(step), step
        self.last_ckpt = str(Path(self.out_dir) / name)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        if self.max_keep_ckpts > 0:
            if step not in self.keep_ckpt_ids:  # else it is saved again, with its validation
                full = len(self.keep_ckpt_ids) == self.max_keep_ckpts
                runner.message_hub.update_info(DROPPED, [self.keep_ckpt_ids[0]] if full else [])
                self.keep_ckpt_ids.append(step)  # the deque drops the oldest
            runner.message_hub.update_info("keep_ckpt_ids", list(self.keep_ckpt_ids))
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        write_text(Path(runner.work_dir) / "last_checkpoint", self.last_ckpt)
        self._link(runner, LAST, self.last_ckpt)
        self._remove_dropped(runner)

    def _remove_dropped(self, runner: Runner) -> None:
        """Remove the checkpoints that the newest one replaces."""
        if self.max_keep_ckpts > 0:
            for one in runner.message_hub.runtime_info.get(DROPPED, []):
                if one not in self.keep_ckpt_ids:
                    self._remove(re.escape(self.filename_tmpl.format(one)))

    def _names(self) -> str:
        """Return a pattern that matches checkpoint names only, not files derived from them."""
        return re.escape(self.filename_tmpl).replace(re.escape("{}"), r"\d+")

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        if not self.save_best:
            return
        several = len(self.key_indicators) > 1
        if several:  # reset, or mmengine removes the old one before it writes the new one
            self.best_ckpt_path_dict = dict.fromkeys(self.key_indicators)
        else:
            self.best_ckpt_path = None
        super()._save_best_checkpoint(runner, metrics)
        self._link_best(runner)
        for key in self.key_indicators:
            written = self.best_ckpt_path_dict[key] if several else self.best_ckpt_path
            if written is not None and is_main_process():
                prefix = re.escape(f"best_{key}_".replace("/", "_"))
                self._remove(prefix + self._names(), {Path(written).name})
            best = runner.message_hub.runtime_info.get(
                f"best_ckpt_{key}" if several else "best_ckpt"
            )
            if several:
                self.best_ckpt_path_dict[key] = best
            else:
                self.best_ckpt_path = best

    @master_only
    def _link(self, runner: Runner, name: str, checkpoint: str | Path) -> None:
        """Let a link in the work folder lead to a checkpoint."""
        write_link(Path(runner.work_dir) / name, checkpoint)

    def _link_best(self, runner: Runner) -> None:
        """Let the link of the best checkpoint lead to the newest best one that exists."""
        keys = self.key_indicators if self.save_best else []
        if not keys or not Path(self.out_dir).is_dir():
            return
        pattern = re.escape(f"best_{keys[0]}_".replace("/", "_")) + self._names()
        found = [file for file in Path(self.out_dir).iterdir() if re.fullmatch(pattern, file.name)]
        info = runner.message_hub.runtime_info
        noted = Path(str(info.get("best_ckpt") or info.get(f"best_ckpt_{keys[0]}") or "")).name
        known = [file for file in found if file.name == noted]
        if found:
            newest = max(found, key=lambda file: int(_NUMBER.findall(file.name)[-1]))
            self._link(runner, BEST, known[0] if known else newest)

    @master_only
    def _remove(self, pattern: str, kept: set[str] = frozenset()) -> None:
        """Remove files in the checkpoint folder whose full name matches a pattern."""
        for file in Path(self.out_dir).iterdir() if Path(self.out_dir).is_dir() else ():
            if re.fullmatch(pattern, file.name) and file.name not in kept:
                file.unlink(missing_ok=True)
