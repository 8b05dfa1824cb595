# SPDX-License-Identifier: Apache-2.0
"""Result of a training run."""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from mmengine.runner import Runner
from torch import nn

from rankseg.training.work_folder import best_checkpoint, checkpoints
from rankseg.utils.run_log import main_metric
from rankseg.utils.run_summary import lags, read_summary

SUMMARY = "summary.json"


@dataclass(frozen=True)
class TrainResult:
    """Result of :func:`rankseg.apis.train`. A notebook shows it as a table.

    Attributes:
        folder: Work folder, with logs, checkpoints, ``curves.png`` and ``panels.png``.
        metrics: Metrics of the last validation, in percent, and its ``iteration``; empty without
            validation.
        best_metrics: The same of the best validation.
        history: All validations in order.
        last: Checkpoint of the last saved iteration, or None.
        best: Checkpoint of the best validation, or None.
        runner: MMEngine's runner.
    """

    folder: Path
    metrics: dict[str, float]
    best_metrics: dict[str, float]
    history: list[dict[str, float]]
    last: Path | None
    best: Path | None
    runner: Runner = field(repr=False, compare=False)

    @classmethod
    def of_runner(cls, runner: Runner) -> "TrainResult":
        """Read the result of a finished runner from its work folder."""
        folder = Path(runner.work_dir)
        summary: dict[str, Any] = {}
        if (folder / SUMMARY).is_file():  # the process that writes it has finished
            summary = read_summary(folder / SUMMARY)
        history = summary.get("history", [])
        last, best = (summary[key] if history else {} for key in ("last", "best"))
        found = checkpoints(folder)
        return cls(
            folder,
            last,
            best,
            history,
            found[0] if found else None,
            best_checkpoint(folder),
            runner,
        )

    @property
    def model(self) -> nn.Module:
        """The trained method."""
        return self.runner.model

    @property
    def iterations(self) -> int:
        """Number of completed iterations."""
        return self.runner.iter

    @property
    def metric(self) -> str | None:
        """Name of the main metric; None without validation."""
        return main_metric(self.metrics)

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        rows = {"folder": self.folder, "iterations": f"{self.iterations:,}"}
        if self.metric:
            for name, one in (("last", self.metrics), ("best", self.best_metrics)):
                value = one.get(self.metric, float("nan"))
                rows[f"{self.metric}, {name}"] = f"{value:.1f} (iteration {one['iteration']:,})"
            if sentence := lags(self.metrics, self.metric):
                rows["note"] = sentence
        rows |= {"last checkpoint": self.last, "best checkpoint": self.best}
        cells = "".join(
            f"<tr><th style='text-align:left'>{name}</th>"
            f"<td style='text-align:left'>{escape(str(value or 'none'))}</td></tr>"
            for name, value in rows.items()
        )
        return f"<table>{cells}</table>"
