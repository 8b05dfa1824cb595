# SPDX-License-Identifier: Apache-2.0
"""Compare recipes with supervised-only by runs with the same seeds."""

import json
from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student_t

BASELINE = "supervised"
CONFIDENCE = 0.90


def read_results(path: Path) -> list[dict[str, Any]]:
    """Read the results that there are."""
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


def table(results: list[dict[str, Any]], part: str, key: str) -> str:
    """Table of all recipes with their difference to supervised-only."""
    values: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for result in results:
        numbers = result["val"] if part == "val" else result["tune"][-1]
        if numbers.get(key) is not None:
            values[result["set"], result["recipe"]][result["seed"]] = numbers[key]
    lines = [
        f"| set | recipe | seeds | {part} {key} | sd | gain | 90% interval |",
        "| --- | --- | --- | ---: | ---: | ---: | --- |",
    ]
    for (name, recipe), found in values.items():
        base = values.get((name, BASELINE), {})
        pairs = [found[seed] - base[seed] for seed in found if seed in base]
        gain = limits = ""
        if pairs and recipe != BASELINE:
            mean, half = interval(pairs)
            gain = f"{mean:+.1f} ({len(pairs)})"
            limits = f"{mean - half:+.1f} to {mean + half:+.1f}" if len(pairs) > 1 else ""
        spread = f"{stdev(found.values()):.1f}" if len(found) > 1 else ""
        seeds = " ".join(map(str, sorted(found)))
        mean = fmean(found.values())
        lines.append(f"| {name} | {recipe} | {seeds} | {mean:.1f} | {spread} | {gain} | {limits} |")
    return "\n".join(lines)
