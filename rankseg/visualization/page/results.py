# SPDX-License-Identifier: Apache-2.0
"""What the runs came to: one table, and the mean of runs that only differ in their seed."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from rankseg.runs import Run
from rankseg.runs.settings import differences
from rankseg.visualization.groups import NETWORKS
from rankseg.visualization.page.html import Html, join, run_name, table, tag

NONE = "–"


def results(runs: Sequence[Run]) -> Html:
    """A row per run, and a row per mean."""
    metrics = list(dict.fromkeys(run.metric for run in runs if run.metric))
    others = [f"{n}{m}" for m in metrics for n in NETWORKS if any(_has(run, n + m) for run in runs)]
    head = ["run", "method", "config", "split", "seed", "iterations", "minutes"]
    for metric in metrics:
        head += [f"{metric} last", "best (at)"]
    head += [f"{name} last" for name in others]
    rows = [_row(i, run, metrics, others) for i, run in enumerate(runs)]
    page = [table(head, rows, "results")]
    page += [_means(runs, metric) for metric in metrics]
    unfinished = [_unfinished(i, run) for i, run in enumerate(runs)]
    return join([*page, *unfinished])


def _has(run: Run, name: str) -> bool:
    return run.summary is not None and name in run.summary["last"]


def _row(i: int, run: Run, metrics: Sequence[str], others: Sequence[str]) -> list[Any]:
    done, end = run.iterations
    summary = run.summary or {}
    row = [
        run_name(i, run.name),
        tag("span", run.method),
        Path(str(run.config.get("config_file", NONE))).name,
        run.split or NONE,
        NONE if run.seed is None else run.seed,
        f"{done:,}" if done == end else f"{done:,} of {end or '?'}",
        f"{summary['seconds'] / 60:.0f}" if summary else NONE,
    ]
    for metric in metrics:
        if not _has(run, metric):
            row += [NONE, NONE]
            continue
        best = summary["best"]
        row.append(tag("span", f"{summary['last'][metric]:.1f}", class_="figure"))
        row.append(f"{best.get(metric, float('nan')):.1f} ({best['iteration']:,})")
    return row + [f"{summary['last'][n]:.1f}" if _has(run, n) else NONE for n in others]


def _means(runs: Sequence[Run], metric: str) -> Html:
    """A row for every set of finished runs that differ in nothing but the seed."""
    rows = []
    for group in same_settings([run for run in runs if _has(run, metric)]):
        if len(group) > 1:
            row = [f"{group[0].method}, {group[0].split}", ", ".join(str(r.seed) for r in group)]
            for which in ("last", "best"):
                values = [run.summary[which][metric] for run in group]
                row.append(f"{mean(values):.1f} ± {stdev(values):.1f}")
            rows.append(row)
    if not rows:
        return Html("")
    head = ["mean of the runs that differ only in the seed", "seeds", f"{metric} last", "best"]
    return join([tag("h3", "Over seeds"), table(head, rows), _spread()])


def _spread() -> Html:
    return tag("p", "mean ± standard deviation of one run, in percent", class_="soft")


def same_settings(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs by their settings, the seed left out; in the order of the first of each."""
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
