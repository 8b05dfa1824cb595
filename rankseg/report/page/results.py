# SPDX-License-Identifier: Apache-2.0
"""Table of results, with the mean over runs that differ only in their seed."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rankseg.report.page.html import Html, join, run_name, table, tag
from rankseg.report.run_folder import Run
from rankseg.report.settings import differences
from rankseg.visualization.groups import NETWORKS, mean_and_deviation, of_retrieval

NONE = "–"


def results(runs: Sequence[Run]) -> Html:
    """Build a table with one row per run and one row per mean."""
    metrics = list(dict.fromkeys(run.metric for run in runs if run.metric))
    others = list(dict.fromkeys(name for run in runs for name in beside(run)))
    others = [name for name in others if name not in metrics]
    others += [n + m for m in metrics for n in NETWORKS if any(_has(run, n + m) for run in runs)]
    head = ["run", *(name for metric in metrics for name in (f"{metric} last", "best (at)"))]
    head += [f"{name} last" for name in others]
    head += ["seed", "iterations", "minutes", "method", "split", "config"]
    rows = [_row(i, run, metrics, others) for i, run in enumerate(runs)]
    page = [table(head, rows, "results"), _glossary(head)]
    page += [_means(runs, metric) for metric in metrics]
    unfinished = [_unfinished(i, run) for i, run in enumerate(runs)]
    return join([*page, *unfinished])


WORDS = {
    "fgIoU": "fgIoU is the IoU of all classes but the first, the background",
    "mIoU": "mIoU is the mean of the IoU over all classes",
    "student/": "student/ is the network that is trained, where an average of its weights predicts",
}


def _glossary(head: Sequence[str]) -> Html:
    """Explain the columns of the table, which are in percent."""
    said = [text for word, text in WORDS.items() if any(name.startswith(word) for name in head)]
    return tag("p", f"In percent; {'; '.join(said)}.", class_="soft") if said else Html("")


def beside(run: Run) -> list[str]:
    """Return the secondary metrics to show: mIoU, IoU of the second of two classes, Recall@K."""
    last = (run.summary or {}).get("last", {})
    if run.metric == "fgIoU" and "mIoU" in last:
        return ["mIoU"]
    if run.metric == "recall1":
        return of_retrieval(last)
    names = [name for name in last if name.startswith("IoU/")]
    return names[1:] if len(names) == 2 else []


def _has(run: Run, name: str) -> bool:
    return run.summary is not None and name in run.summary["last"]


def _row(i: int, run: Run, metrics: Sequence[str], others: Sequence[str]) -> list[Any]:
    done, end = run.iterations
    summary = run.summary or {}
    row = [run_name(i, run.name)]
    for metric in metrics:
        row += _figures(run.summary, metric) if _has(run, metric) else [NONE, NONE]
    row += [f"{summary['last'][name]:.1f}" if _has(run, name) else NONE for name in others]
    return [
        *row,
        NONE if run.seed is None else run.seed,
        f"{done:,}" if done == end else f"{done:,} of {end or '?'}",
        f"{summary['seconds'] / 60:.0f}" if summary else NONE,
        tag("span", run.method),
        run.split or NONE,
        Path(str(run.config.get("config_file", NONE))).name,
    ]


def _figures(summary: dict, metric: str) -> list[Any]:
    """Return the last value, and the best value with its iteration."""
    last, best = summary["last"], summary["best"]
    shown = f"{best.get(metric, float('nan')):.1f} ({best['iteration']:,})"
    return [tag("span", f"{last[metric]:.1f}", class_="figure"), shown]


def _means(runs: Sequence[Run], metric: str) -> Html:
    """Build one row for each set of finished runs that differ only in the seed."""
    rows = []
    for group in same_settings([run for run in runs if _has(run, metric) and not run.unread]):
        if len(group) > 1:
            row = [f"{group[0].method}, {group[0].split}", ", ".join(str(r.seed) for r in group)]
            for which in ("last", "best"):
                values = [run.summary[which].get(metric, math.nan) for run in group]
                row.append(" ± ".join(mean_and_deviation(values)))
            rows.append(row)
    if not rows:
        return Html("")
    head = ["mean of the runs that differ only in the seed", "seeds", f"{metric} last", "best"]
    return join([tag("h3", "Over seeds"), table(head, rows), _spread()])


def _spread() -> Html:
    return tag("p", "mean ± standard deviation of one run, in percent", class_="soft")


def same_settings(runs: Sequence[Run]) -> list[list[Run]]:
    """Group runs by their settings without the seed, ordered by the first run of each group."""
    groups: list[list[Run]] = []
    for run in runs:
        for group in groups:
            if not differences([group[0].config.to_dict(), run.config.to_dict()]):
                group.append(run)
                break
        else:
            groups.append([run])
    return groups


def _unfinished(i: int, run: Run) -> Html:
    done, end = run.iterations
    if run.summary and end and done >= end:
        return Html("")
    what = "has no validation yet" if run.summary is None else "is not at its end"
    text = f" {what} ({done:,} of {end or '?'} iterations): it is still running, or was stopped."
    return tag("p", run_name(i, run.name), text, class_="note")
