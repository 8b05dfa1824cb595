# SPDX-License-Identifier: Apache-2.0
"""Hook that writes the last and the best result of a run."""

import time
from functools import partial
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.resilience.identity import VALIDATION
from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import read_json, write_json
from rankseg.utils.code_version import code_version
from rankseg.utils.run_summary import check_summary, lags

IMAGES = ("labeled images", "unlabeled images", VALIDATION)


@HOOKS.register_module()
class SummaryHook(Hook):
    """Hook that maintains ``summary.json`` in the work folder: all, last and best validations.

    Other projects report only the best of all validations, which the final weights rarely reach.
    This file has both. It is rewritten after every validation, so that an interrupted run has one,
    too. A resumed run continues it. A run without validations writes a file with an empty history
    at its end. It also names the version of the code, and number and digest of the images,
    and says whether the run stopped early.

    Args:
        key: Metric that defines the best validation; larger is better.
    """

    priority = "LOW"  # before a checkpoint that includes the validation

    def __init__(self, key: str = "mIoU") -> None:
        self.key = key
        self.history: list[dict] = []

    def before_train(self, runner: Runner) -> None:
        """Load the validations of a resumed run."""
        self._start = time.monotonic()
        path = self._path(runner)
        check = partial(check_summary, needed=("seconds", "history"))
        past = read_json(path, check) if runner.iter > 0 else None
        if past:
            of_key = [e for e in past["history"] if self.key in e]  # the key may have changed
            self.history = [e for e in of_key if e["iteration"] <= runner.iter]
            self._start -= past["seconds"]

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Record one validation."""
        if metrics and runner._train_loop is not None and self.key in metrics:
            # a validation repeated after a resume replaces the earlier one
            self.history = [e for e in self.history if e["iteration"] < runner.iter]
            self.history.append({"iteration": runner.iter, **metrics})
            self._write(runner)

    def after_train(self, runner: Runner) -> None:
        """Log the last and the best validation, or that there is none."""
        if self._stopped_early(runner):
            self._write(runner)
        if not self.history:
            self._write(runner)
            runner.logger.info(
                f"Trained for {runner.iter} iterations without a validation by {self.key}, so "
                "summary.json has no metrics"
            )
        else:
            last, best = self.history[-1], self.best()
            runner.logger.info(
                f"{self.key}: last {last[self.key]:.2f} (iteration {last['iteration']}), "
                f"best {best[self.key]:.2f} (iteration {best['iteration']})"
            )
            if sentence := lags(last, self.key):
                runner.logger.warning(sentence)

    def best(self) -> dict:
        """Return the earliest validation with the largest ``key``; NaN counts as smallest."""
        return max(self.history, key=lambda e: (e[self.key] == e[self.key], e[self.key]))

    @master_only
    def _write(self, runner: Runner) -> None:
        identity = getattr(runner, "identity", None) or {}
        none = {"iteration": runner.iter}  # used if there is no validation
        summary = {
            "config": runner.cfg.get("config_file", runner.experiment_name),
            "method": runner.cfg.model.type,
            "seed": runner.seed,
            "max_iters": runner.max_iters,
            "code": code_version(),
            "data": {name: identity[name] for name in IMAGES if name in identity},
            "seconds": round(time.monotonic() - self._start, 1),
            "last": self.history[-1] if self.history else none,
            "best": self.best() if self.history else none,
            "history": self.history,
        }
        if self._stopped_early(runner):
            summary["stopped_early"] = True
        write_json(self._path(runner), summary)

    @staticmethod
    def _stopped_early(runner: Runner) -> bool:
        return getattr(runner._train_loop, "stop_training", False)

    @staticmethod
    def _path(runner: Runner) -> Path:
        return Path(runner.work_dir) / "summary.json"
