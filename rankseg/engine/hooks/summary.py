# SPDX-License-Identifier: Apache-2.0
"""Writes what a run came to: last and best."""

import time
from functools import partial
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import read_json, write_json
from rankseg.utils.run_summary import check_summary


@HOOKS.register_module()
class SummaryHook(Hook):
    """Keeps ``summary.json`` in the work folder: every validation, the last and the best.

    The peers report the best of all validations, a number that nobody's final weights reach; here
    both stand side by side. The file is rewritten after every validation, so that a run that is
    stopped has one too, and goes on where a resumed run left it. A run without a validation has one
    with no history when it has ended.

    Args:
        key: Metric by which the best is chosen; larger is better.
    """

    priority = "LOW"  # before a checkpoint that knows of the validation

    def __init__(self, key: str = "mIoU") -> None:
        self.key = key
        self.history: list[dict] = []

    def before_train(self, runner: Runner) -> None:
        """Take over the validations of the run that is being resumed."""
        self._start = time.monotonic()
        path = self._path(runner)
        check = partial(check_summary, needed=("seconds", "history"))
        past = read_json(path, check) if runner.iter > 0 else None
        if past:
            of_key = [e for e in past["history"] if self.key in e]  # it may have been another
            self.history = [e for e in of_key if e["iteration"] <= runner.iter]
            self._start -= past["seconds"]

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Note one validation."""
        if metrics and runner._train_loop is not None and self.key in metrics:
            # a validation that is made up takes the place of the same one
            self.history = [e for e in self.history if e["iteration"] < runner.iter]
            self.history.append({"iteration": runner.iter, **metrics})
            self._write(runner)

    def after_train(self, runner: Runner) -> None:
        """Say last and best in the log; of a run without a validation, that there is none."""
        if not self.history:
            self._write(runner)
            runner.logger.info(
                f"trained for {runner.iter} iterations, with no validation by {self.key}: "
                "summary.json has no numbers of it"
            )
        else:
            last, best = self.history[-1], self.best()
            runner.logger.info(
                f"{self.key}: last {last[self.key]:.2f} (iteration {last['iteration']}), "
                f"best {best[self.key]:.2f} (iteration {best['iteration']})"
            )

    def best(self) -> dict:
        """The validation with the largest ``key``, the earliest of equals; NaN is the smallest."""
        return max(self.history, key=lambda e: (e[self.key] == e[self.key], e[self.key]))

    @master_only
    def _write(self, runner: Runner) -> None:
        none = {"iteration": runner.iter}  # where there is no validation
        summary = {
            "config": runner.cfg.get("config_file", runner.experiment_name),
            "method": runner.cfg.model.type,
            "seed": runner.seed,
            "max_iters": runner.max_iters,
            "seconds": round(time.monotonic() - self._start, 1),
            "last": self.history[-1] if self.history else none,
            "best": self.best() if self.history else none,
            "history": self.history,
        }
        write_json(self._path(runner), summary)

    @staticmethod
    def _path(runner: Runner) -> Path:
        return Path(runner.work_dir) / "summary.json"
