# SPDX-License-Identifier: Apache-2.0
"""Charts of all logged numbers over the iterations, with the runs overlaid."""

from collections.abc import Sequence

from rankseg.report.page.chart import chart
from rankseg.report.page.html import Html, join, run_name, tag
from rankseg.report.run_folder import Run
from rankseg.utils.run_log import PSEUDO, Points
from rankseg.visualization.groups import (
    CLASS_PREFIXES,
    DRAWN_CLASSES,
    NETWORKS,
    is_rate,
    of_retrieval,
)

SHOWN_CLASSES = 6  # charts of more classes are collapsed
MEANS = ("mIoU", "mDice", "top5", "mean_class")


def curves(runs: Sequence[Run]) -> Html:
    """Build small charts grouped by topic; empty if there are no numbers."""
    val = _by_name([run.scalars.val for run in runs])
    train = _by_name([run.scalars.train for run in runs])
    mains = [run.metric for run in runs if run.metric]
    wanted = [*mains, *(n + m for n in NETWORKS for m in mains), *MEANS, *of_retrieval(val)]
    judged = {f"{name} (%)": val[name] for name in dict.fromkeys(wanted) if name in val}
    classes = {n: s for n, s in val.items() if n.startswith(CLASS_PREFIXES)}
    classes = classes if len(classes) <= DRAWN_CLASSES else {}
    losses = {name: series for name, series in train.items() if name.startswith("loss")}
    rates = {name: series for name, series in train.items() if is_rate(name)}
    rest = {pseudo_label(n): s for n, s in train.items() if n not in losses | rates}
    parts = [
        _charts("Validation", judged),
        _charts("Training", losses | rest | rates),
        _charts("Each class", classes, folded=len(classes) > SHOWN_CLASSES),
    ]
    if not any(parts):
        return Html("")
    key = (tag("span", run_name(i, run.name)) for i, run in enumerate(runs))
    said = "Over the iterations; a thin line is what was logged, a thick one its mean."
    text = tag("p", said, class_="soft")
    return join([text, tag("div", *key, class_="legend") if len(runs) > 1 else "", *parts])


def pseudo_label(name: str) -> str:
    """Return the title of a number; pseudo-label rates are given in percent."""
    said = name.removeprefix(PSEUDO).replace("_", " ")
    return f"pseudo-labels: {said} (%)" if name.startswith(PSEUDO) else name


def _by_name(runs: Sequence[dict[str, Points]]) -> dict[str, dict[int, Points]]:
    """Regroup numbers by run into runs by number."""
    names = dict.fromkeys(name for series in runs for name in series)
    return {name: {i: s[name] for i, s in enumerate(runs) if name in s} for name in names}


def _charts(title: str, group: dict[str, dict[int, Points]], folded: bool = False) -> Html:
    """Build charts by title; losses have a logarithmic axis."""
    drawn = [
        chart(name, series, log=name.startswith("loss"), smooth=not is_rate(name))
        for name, series in group.items()
    ]
    if not any(drawn):
        return Html("")
    grid = tag("div", *drawn, class_="grid")
    if folded:
        return tag("details", tag("summary", title), grid)
    return join([tag("h3", title), grid])
