# SPDX-License-Identifier: Apache-2.0
"""Values of the tables of the page, and the notes on runs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rankseg.evaluation.notes import names
from rankseg.report.comparability import VALIDATION, leading, same_settings
from rankseg.report.run_folder import Run
from rankseg.report.run_result import RunResult
from rankseg.report.settings import differences
from rankseg.utils.run_summary import lags
from rankseg.visualization.groups import CLASS_PREFIXES, NETWORKS, mean_and_deviation, of_retrieval

NONE = "–"
FEW, NAMED, MATRIX = 5, 24, 40  # most classes with large cells, with normal print, in a table
CONFUSIONS = 20  # most frequent confusions, listed if the table would be too large
LONGEST = 160  # characters shown of a setting
EXPLAINED = {
    "fgIoU": "fgIoU is the IoU of all classes but the first, the background.",
    "mIoU": "mIoU is the mean of the IoU over all classes.",
    "student/": "student/ is the trained network, if an average of its weights predicts.",
}


class RunRow(NamedTuple):
    """Row of the table of results.

    Attributes:
        name: Name of the run.
        metrics: Last value, best value with its iteration, and whether the run leads, of each main
            metric.
        others: Remaining cells.
    """

    name: str
    metrics: list[tuple[str, str, bool]]
    others: list[Any]


class ResultTable(NamedTuple):
    """Table with one row per run.

    Attributes:
        metrics: Names of the main metrics.
        head: Names of the remaining columns.
        rows: Rows in the order of the runs.
        explained: Sentences that explain the metrics.
    """

    metrics: list[str]
    head: list[str]
    rows: list[RunRow]
    explained: list[str]


def result_table(runs: Sequence[Run], mark: bool = True) -> ResultTable:
    """Return the last and best metrics of every run, and its main settings.

    Args:
        runs: Runs in the order of the page.
        mark: Mark the runs that lead by more than the noise between seeds.
    """
    metrics = list(dict.fromkeys(run.metric for run in runs if run.metric))
    others = list(dict.fromkeys(name for run in runs for name in secondary_metrics(run)))
    others = [name for name in others if name not in metrics]
    others += [n + m for m in metrics for n in NETWORKS if any(_has(run, n + m) for run in runs)]
    head = [f"{name} last" for name in others]
    head += ["seed", "iterations", "minutes", "method", "split", "config"]
    explained = [
        text
        for word, text in EXPLAINED.items()
        if any(name.startswith(word) for name in metrics + others)
    ]
    leaders = {m: leading(runs, m) if mark else set() for m in metrics}
    rows = [_result_row(run, leaders, others) for run in runs]
    return ResultTable(metrics, head, rows, explained)


def secondary_metrics(run: Run) -> list[str]:
    """Return the secondary metrics to show: mIoU, IoU of the second of two classes, Recall@K."""
    last = (run.summary or {}).get("last", {})
    if run.metric == "fgIoU" and "mIoU" in last:
        return ["mIoU"]
    if run.metric == "recall1":
        return of_retrieval(last)
    found = [name for name in last if name.startswith("IoU/")]
    return found[1:] if len(found) == 2 else []


def _has(run: Run, name: str) -> bool:
    return run.summary is not None and name in run.summary["last"]


def _result_row(run: Run, leaders: Mapping[str, set[str]], others: Sequence[str]) -> RunRow:
    done, end = run.iterations
    summary = run.summary or {}
    cells = [f"{summary['last'][name]:.1f}" if _has(run, name) else NONE for name in others]
    return RunRow(
        run.name,
        [
            (*(_last_and_best(summary, m) if _has(run, m) else (NONE, NONE)), run.name in names)
            for m, names in leaders.items()
        ],
        [
            *cells,
            NONE if run.seed is None else run.seed,
            f"{done:,}" if done == end else f"{done:,} of {end or '?'}",
            f"{summary['seconds'] / 60:.0f}" if summary else NONE,
            run.method,
            run.split or NONE,
            Path(str(run.config.get("config_file", NONE))).name,
        ],
    )


def _last_and_best(summary: dict, metric: str) -> tuple[str, str]:
    best = summary["best"]
    shown = f"{best.get(metric, math.nan):.1f} ({best['iteration']:,})"
    return f"{summary['last'][metric]:.1f}", shown


def means_over_seeds(runs: Sequence[Run]) -> dict[str, list[list[str]]]:
    """Return by metric a row for each set of finished runs that differ only in the seed.

    The cells of a row are method and split, seeds, and mean and standard deviation of the last and
    of the best value.
    """
    tables: dict[str, list[list[str]]] = {}
    for metric in dict.fromkeys(run.metric for run in runs if run.metric):
        for group in same_settings([run for run in runs if _has(run, metric) and not run.unread]):
            if len(group) > 1:
                row = [
                    f"{group[0].method}, {group[0].split}",
                    ", ".join(str(r.seed) for r in group),
                ]
                for which in ("last", "best"):
                    values = [run.summary[which].get(metric, math.nan) for run in group]
                    row.append(" ± ".join(mean_and_deviation(values)))
                tables.setdefault(metric, []).append(row)
    return tables


def validation_images(results: Sequence[RunResult]) -> dict[str, int]:
    """Return the number of validation images by name of the run, where it is known."""
    found = {}
    for one in results:
        noted = ((one.run.summary or {}).get("data") or {}).get(VALIDATION, "")
        number = one.images[1] or int(str(noted).split(" ")[0].isdigit() and noted.split(" ")[0])
        if number:
            found[one.run.name] = number
    return found


def unfinished(run: Run) -> str | None:
    """Return a sentence on a run that is not at its end, or None."""
    done, end = run.iterations
    if run.summary and end and done >= end:
        return None
    if run.summary and run.summary.get("stopped_early") is True:
        return f"stopped early ({done:,} of {end} iterations): validations no longer improved."
    problem = "has no validation yet" if run.summary is None else "is not finished"
    return f"{problem} ({done:,} of {end or '?'} iterations). It is still running or was stopped."


def notes(result: RunResult) -> list[str]:
    """Return what readers need to know before they trust the values of a run."""
    run = result.run
    found = [
        run.unread and f"{run.unread}. The run is shown without its settings.",
        result.problem,
        run.metric and lags((run.summary or {})["last"], run.metric),
        _never_predicted(result),
        _not_validated(result),
    ]
    found += [
        f"{text} ({count} times)" if count > 1 else text
        for text, count in run.warnings.items()
        if text not in found  # the log has it, too
    ]
    return [sentence for sentence in found if sentence]


def _never_predicted(result: RunResult) -> str | None:
    """Return a sentence on classes that are present but never predicted, or None."""
    if result.confusion is None:
        last = (result.run.summary or {}).get("last", {})
        none = [name[4:] for name, value in last.items() if name.startswith("IoU/") and value == 0]
        return f"has an IoU of 0 for {', '.join(none)}." if none else None
    missed = (result.confusion.sum(1) > 0) & (result.confusion.sum(0) == 0)
    return f"never predicts {names(missed, result.classes)}." if missed.any() else None


def _not_validated(result: RunResult) -> str | None:
    """Return a sentence on classes missing from the validation set, or None."""
    if result.confusion is None:
        return None
    missing = result.confusion.sum(1) == 0
    if not missing.any() or result.images[0] < result.images[1]:
        return None
    return f"was validated on images without {names(missing, result.classes)}."


class ClassTable(NamedTuple):
    """Table of IoU or accuracy of each class.

    Attributes:
        names: Class names.
        columns: Value of each class in percent by name of the run.
    """

    names: list[str]
    columns: dict[str, dict[str, float]]


def class_tables(results: Sequence[RunResult], separate: bool) -> list[ClassTable]:
    """Return tables of the accuracy of each class, without runs that have no values.

    Args:
        results: Runs in the order of the page.
        separate: Build a table for every run, because their classes differ.
    """
    columns = {one.run.name: class_values(one) for one in results}
    columns = {name: values for name, values in columns.items() if values}
    groups = [{name: values} for name, values in columns.items()] if separate else [columns]
    return [
        ClassTable(list(dict.fromkeys(name for values in group.values() for name in values)), group)
        for group in groups
        if group
    ]


def class_values(result: RunResult) -> dict[str, float]:
    """Return IoU or accuracy by class in percent, from the last validation or the predictions."""
    last = (result.run.summary or {}).get("last", {})
    prefix = next((p for p in CLASS_PREFIXES if any(n.startswith(p) for n in last)), "?")
    logged = {n.removeprefix(prefix): v for n, v in last.items() if n.startswith(prefix)}
    if logged or result.confusion is None:
        return logged
    right, true = result.confusion.diagonal(), result.confusion.sum(1)
    total = true if result.image_level else true + result.confusion.sum(0) - right
    triples = zip(result.classes, right.tolist(), total.tolist(), strict=True)
    return {name: 100 * part / count for name, part, count in triples if count}


class Cell(NamedTuple):
    """Cell of a confusion matrix.

    Attributes:
        text: Percentage of the row.
        heat: Opacity of the color, from 0 to 80.
        tooltip: Both classes with percentage and count.
    """

    text: str
    heat: int
    tooltip: str


class Confusion(NamedTuple):
    """Confusion matrix of a run, in percent of the true class.

    Attributes:
        name: Name of the run.
        classes: Class names.
        unit: ``"pixels"`` or ``"images"``.
        size: Style of the table: ``"few"``, ``"many"`` or empty.
        rows: Cells by true (row) and predicted class; empty if there are too many classes.
        frequent: Otherwise the most frequent confusions: true class, predicted class, percent of
            the true class, and count.
    """

    name: str
    classes: list[str]
    unit: str
    size: str
    rows: list[list[Cell]]
    frequent: list[tuple[str, str, str, str]]


def confusion_table(result: RunResult) -> Confusion:
    """Return the confusion matrix of a run that has one."""
    matrix, classes = result.confusion, result.classes
    unit = "images" if result.image_level else "pixels"
    if len(classes) > MATRIX:
        frequent = list(_most_frequent(matrix, classes))
        return Confusion(result.run.name, classes, unit, "", [], frequent)
    total = matrix.sum(1, keepdims=True)
    share = np.divide(100 * matrix, total, out=np.full(matrix.shape, np.nan), where=total > 0)
    size = "few" if len(classes) <= FEW else "many" if len(classes) > NAMED // 2 else ""

    def cell(row: int, column: int) -> Cell:
        value = share[row, column]
        if value != value:
            return Cell(NONE, 0, f"no {unit} of class {classes[row]}")
        text = f"{value:.1f}" if size == "few" else f"{value:.0f}" if value >= 0.5 else ""
        tooltip = f"{classes[row]} predicted as {classes[column]}: {value:.2f}%"
        tooltip += f" ({matrix[row, column]:,})"
        return Cell(text, round(min(80.0, 0.8 * value)), tooltip)

    rows = [[cell(row, column) for column in range(len(classes))] for row in range(len(classes))]
    return Confusion(result.run.name, classes, unit, size, rows, [])


def _most_frequent(matrix: np.ndarray, classes: list[str]) -> Iterator[tuple[str, str, str, str]]:
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    order = wrong.ravel().argsort()[::-1][:CONFUSIONS]
    for row, column in zip(*np.unravel_index(order, matrix.shape), strict=True):
        if count := wrong[row, column]:
            share = 100 * count / matrix[row].sum()
            yield classes[row], classes[column], f"{share:.1f}", f"{count:,}"


def setting_rows(results: Sequence[RunResult]) -> list[list[str]] | None:
    """Return settings that differ between runs, each with its values; None for a single run."""
    configs = [one.run.config.to_dict() for one in results if not one.run.unread]
    if len(configs) < 2:
        return None
    found = differences(configs)
    rows = [[key, *map(_setting, found[key])] for key in found]
    return sorted(rows, key=lambda row: not row[0].startswith("model"))


def _setting(value: object) -> str:
    text = NONE if value is None else str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"
