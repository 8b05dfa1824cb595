# SPDX-License-Identifier: Apache-2.0
"""Hook that shows the progress of a run on a quiet terminal."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner

from rankseg.engine.hooks.summary import SummaryHook
from rankseg.engine.run_header import describe_run, describe_test, short
from rankseg.engine.unwrap import unwrap_method
from rankseg.evaluation.classification import ClassificationMetric
from rankseg.utils.progress import duration
from rankseg.utils.run_log import main_metric
from rankseg.utils.terminal import Terminal

REFRESH = 0.2  # seconds between two updates of the bar
FEW = 10  # number of classes that are shown one by one
PREFERRED = ("fgIoU", "mIoU", "fgDice", "mDice", "aAcc", "top1", "top5", "mean_class", "recall1")
"""Metrics that come first in a table."""
COLUMNS = 6
WRITTEN = ("last.pth", "best.pth", "curves.png", "panels.png", "retrieval.png", "summary.json")
"""Files that the last lines name, if they exist."""


class TerminalHook(Hook):
    """Hook that shows the run, its progress, its validations and its results in a few lines.

    On a terminal, the progress is a bar. Otherwise it is a line whenever MMEngine logs one, and at
    the first and the last iteration. :class:`~rankseg.engine.runner.StrictRunner` registers the
    hook.
    """

    priority = "LOWEST"  # after the hooks that write files

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self._best: float | None = None
        self._last_refresh = 0.0

    def before_train(self, runner: Runner) -> None:
        """Show what is trained on what."""
        loggers = [hook for hook in runner.hooks if isinstance(hook, LoggerHook)]
        self._interval = loggers[0].interval if loggers else 50
        summaries = [hook for hook in runner.hooks if isinstance(hook, SummaryHook)]
        self._summary = summaries[0] if summaries else None
        self.terminal.show("\n".join(describe_run(runner)))
        self._first, self._start = runner.iter, time.monotonic()

    def after_train_iter(self, runner: Runner, batch_idx: int, *args, **kwargs) -> None:
        """Show loss, confident share and remaining time."""
        done, total = runner.iter + 1, runner.max_iters
        if self.terminal.has_bar:
            now = time.monotonic()
            if now - self._last_refresh >= REFRESH or done == total:
                self._last_refresh = now
                status = f"{done:,} of {total:,}  {self._state(runner, done)}"
                self.terminal.progress("training", done, total, status)
        elif done in (self._first + 1, total) or done % self._interval == 0:
            self.terminal.show(f"{done:>7,} of {total:,}  {self._state(runner, done)}")

    def _state(self, runner: Runner, done: int) -> str:
        """Describe the latest values of the run."""
        scalars, parts = runner.message_hub.log_scalars, []
        if "train/loss" in scalars:
            parts.append(f"loss {scalars['train/loss'].mean(10):.4f}")
        if "train/confident" in scalars:
            parts.append(f"confident {100 * scalars['train/confident'].mean(10):.0f}%")
        left = (time.monotonic() - self._start) / (done - self._first) * (runner.max_iters - done)
        return "  ".join([*parts, f"{duration(left)} left"])

    def before_val_epoch(self, runner: Runner) -> None:
        """Start to measure the time of a validation."""
        self._val_start = time.monotonic()

    def after_val_iter(self, runner: Runner, batch_idx: int, *args, **kwargs) -> None:
        """Show the progress of a validation."""
        self._show_batches("validating", batch_idx, len(runner.val_dataloader))

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Show the metrics of a validation as a short table."""
        if not metrics:
            return
        key = self._summary.key if self._summary else main_metric(metrics)
        title = f"validation at {runner.iter:,} ({duration(time.monotonic() - self._val_start)})"
        note = "best so far" if self._is_best(metrics.get(key)) else ""
        self.terminal.show(
            metric_table(metrics, title, unwrap_method(runner).predict_on, key, note)
        )

    def _is_best(self, value: float | None) -> bool:
        """Whether a value is larger than those before, also of earlier starts of the run."""
        if value is None or math.isnan(value):
            return False
        past = [] if self._best is None else [self._best]
        if self._summary:
            past = [one[self._summary.key] for one in self._summary.history[:-1]]
        best = all(math.isnan(one) or value > one for one in past)
        self._best = value if best else self._best
        return best

    def after_train(self, runner: Runner) -> None:
        """Show the results and where they are."""
        self.terminal.end_progress()
        seconds = duration(time.monotonic() - self._start)
        text = f"Finished {runner.iter - self._first:,} iterations in {seconds}."
        if self._summary and self._summary.history:
            key, last, best = self._summary.key, self._summary.history[-1], self._summary.best()
            text += (
                f" {key}: last {last[key]:.2f} (iteration {last['iteration']:,}), "
                f"best {best[key]:.2f} (iteration {best['iteration']:,})."
            )
        folder = Path(runner.work_dir)
        names = [name for name in WRITTEN if (folder / name).is_file()]
        self.terminal.show(f"{text}\n{short(folder)} contains {', '.join(names)}.")

    def before_test_epoch(self, runner: Runner) -> None:
        """Show what is tested."""
        self.terminal.show("\n".join(describe_test(runner)))

    def after_test_iter(self, runner: Runner, batch_idx: int, *args, **kwargs) -> None:
        """Show the progress of a test."""
        self._show_batches("testing", batch_idx, len(runner.test_dataloader))

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Show all metrics, and all classes."""
        self.terminal.end_progress()
        if metrics:
            name = unwrap_method(runner).predict_on
            self.terminal.show(metric_table(metrics, "result (%)", name, main_metric(metrics)))
            if len(per_class(metrics)) > FEW:
                self.terminal.show(class_lines(metrics))
        for metric in runner.test_loop.evaluator.metrics:
            if isinstance(metric, ClassificationMetric) and len(metric.confusion) <= FEW:
                self.terminal.show(f"images by true and predicted class:\n{metric.table()}")

    def _show_batches(self, what: str, batch_idx: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_refresh >= REFRESH:
            self._last_refresh = now
            self.terminal.progress(what, batch_idx + 1, total, f"{batch_idx + 1:,} of {total:,}")


def metric_table(
    metrics: Mapping[str, float], title: str, name: str, key: str | None, note: str = ""
) -> str:
    """Format metrics in percent as a table with a row for each network.

    Those of the network that does not predict begin with its name: ``teacher/mIoU``. The main
    metric, ``key``, comes first. The note stands behind the row of the network that predicts.
    """
    own = [one for one in metrics if "/" not in one]
    order = [one for one in (key, *PREFERRED, *own) if one in own]
    columns = list(dict.fromkeys(order))[:COLUMNS]
    other = "teacher" if name == "student" else "student"
    rows = [(name, [metrics[one] for one in columns], note)]
    if any(f"{other}/{one}" in metrics for one in columns):
        rows.append((other, [metrics.get(f"{other}/{one}") for one in columns], ""))
        rows[0] = (f"{name} (predicts)", *rows[0][1:])
    width = max(len(title), *(len(row[0]) + 2 for row in rows))
    sizes = [max(7, len(one) + 1) for one in columns]
    lines = [title.ljust(width) + _cells(columns, sizes)]
    for label, values, text in rows:
        shown = ["-" if v is None or v != v else f"{v:.2f}" for v in values]
        lines.append(f"  {label}".ljust(width) + _cells(shown, sizes) + (text and f"   {text}"))
    classes = per_class(metrics)
    if 0 < len(classes) <= FEW:
        which, shown = next(iter(classes))[0], [f"{c} {v:.2f}" for (_, c), v in classes.items()]
        lines.append(f"  {which}: {', '.join(shown)}")
    return "\n".join(lines)


def _cells(texts: Sequence[str], sizes: Sequence[int]) -> str:
    return "".join(text.rjust(size) for text, size in zip(texts, sizes, strict=True))


def per_class(metrics: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """Return IoU, or else top-1 accuracy, of each class by the name of the metric and the class."""
    for kind in ("IoU", "top1"):
        found = {
            (kind, k[len(kind) + 1 :]): v for k, v in metrics.items() if k.startswith(f"{kind}/")
        }
        if found:
            return found
    return {}


def class_lines(metrics: Mapping[str, float]) -> str:
    """Format the metric of every class, one in a line."""
    classes = per_class(metrics)
    width = max(len(name) for _, name in classes)
    kind = next(iter(classes))[0]
    lines = [f"  {name.ljust(width)} {value:7.2f}" for (_, name), value in classes.items()]
    return "\n".join([f"{kind} of each class:", *lines])
