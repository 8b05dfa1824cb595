# SPDX-License-Identifier: Apache-2.0
"""Compare recipes with a baseline by runs with the same seeds."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from matplotlib.figure import Figure
from scipy.stats import t as student_t

CONFIDENCE = 0.90
KEYS = ("fgIoU", "mIoU", "top1", "recall1")
"""Metrics, the first one that a result has is compared."""
Values = dict[tuple[str, str], dict[int, float]]
"""Metric of each seed, by set and recipe."""


def read_results(path: Path) -> list[dict[str, Any]]:
    """Read the results of all jobs that are done."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def interval(differences: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Mean of paired differences, and half the width of its confidence interval (Student's t).

    >>> mean, half = interval([1.0, 2.0, 3.0])
    >>> mean, round(half, 3)
    (2.0, 1.686)
    """
    mean, n = fmean(differences), len(differences)
    if n < 2:
        return mean, float("nan")
    quantile = student_t.ppf((1 + confidence) / 2, n - 1)
    return mean, float(quantile * stdev(differences) / sqrt(n))


def collect(results: Sequence[Mapping[str, Any]], part: str) -> Values:
    """Collect the metric of every seed, the first one of :data:`KEYS`.

    Of several lines of a job, the last one counts.
    """
    values: Values = defaultdict(dict)
    for result in results:
        value = next(result[part][key] for key in KEYS if key in result[part])
        values[result["set"], result["recipe"]][result["seed"]] = value
    return dict(values)


def differences(values: Values, name: str, recipe: str, baseline: str) -> list[float]:
    """Return the differences of a recipe to a baseline on a set, for the seeds that both have."""
    found, base = values.get((name, recipe), {}), values.get((name, baseline), {})
    return [found[seed] - base[seed] for seed in sorted(found) if seed in base]


def table(
    results: Sequence[Mapping[str, Any]],
    part: str,
    baselines: Sequence[str],
    titles: Mapping[str, str],
) -> str:
    """Write a Markdown table of all recipes with their differences to baselines."""
    values = collect(results, part)
    heads = [f"over {titles.get(one, one)}" for one in baselines]
    lines = [
        f"| set | recipe | seeds | {part} | sd | {' | '.join(heads)} |",
        f"| --- | --- | --- | ---: | ---: |{' --- |' * len(heads)}",
    ]
    order = list(titles)
    sets = list(dict.fromkeys(name for name, _ in values))
    for name, recipe in sorted(values, key=lambda key: (sets.index(key[0]), _place(order, key[1]))):
        found = values[name, recipe]
        cells = [
            "" if recipe == one else gain(differences(values, name, recipe, one))
            for one in baselines
        ]
        spread = f"{stdev(found.values()):.1f}" if len(found) > 1 else ""
        seeds = " ".join(map(str, sorted(found)))
        cells = [
            name,
            titles.get(recipe, recipe),
            seeds,
            f"{fmean(found.values()):.1f}",
            spread,
        ] + cells
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _place(order: list[str], recipe: str) -> int:
    return order.index(recipe) if recipe in order else len(order)


def gain(pairs: Sequence[float]) -> str:
    """Write the mean of paired differences with its interval.

    >>> gain([1.0, 2.0, 3.0]), gain([1.0]), gain([])
    ('+2.0 (+0.3 to +3.7)', '+1.0', '')
    """
    if not pairs:
        return ""
    mean, half = interval(pairs)
    if len(pairs) == 1:
        return f"{mean:+.1f}"
    return f"{mean:+.1f} ({mean - half:+.1f} to {mean + half:+.1f})"


def draw(
    results: Sequence[Mapping[str, Any]],
    part: str,
    recipes: Sequence[str],
    baseline: str,
    titles: Mapping[str, str],
    path: Path,
) -> None:
    """Draw the paired differences of recipes to a baseline: dots of seeds, and the interval."""
    values = collect(results, part)
    sets = list(dict.fromkeys(name for name, _ in values))
    figure = Figure((7, 0.6 + 0.3 * len(sets) * (len(recipes) + 1)), layout="constrained")
    axes = figure.subplots()
    ticks, shown = {}, set()
    for row, name in enumerate(sets):
        for i, recipe in enumerate(recipes):
            pairs = differences(values, name, recipe, baseline)
            y = row + (i + 0.5) / (len(recipes) + 1) - 0.5
            if not pairs:
                continue
            mean, half = interval(pairs)
            color = f"C{i}"
            axes.plot(pairs, [y] * len(pairs), "o", color=color, alpha=0.4, markersize=4)
            label = None if recipe in shown else titles.get(recipe, recipe)
            shown.add(recipe)
            width = 0 if len(pairs) < 2 else half
            axes.errorbar(mean, y, xerr=width, fmt="|", color=color, capsize=3, label=label)
        ticks[name] = row
    axes.axvline(0, color="gray", linewidth=0.8)
    axes.set_yticks(list(ticks.values()), list(ticks))
    axes.invert_yaxis()
    axes.set_xlabel(f"difference to: {titles.get(baseline, baseline)} ({part}, in points)")
    if shown:
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=100)
