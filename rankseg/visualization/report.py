# SPDX-License-Identifier: Apache-2.0
"""Report in Markdown that compares methods over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from rankseg.visualization.groups import mean_and_deviation

BY_CHANCE = 2.0  # a smaller gain in points of mIoU on one seed may be chance


@dataclass(frozen=True)
class MethodResult:
    """Result of one run.

    Attributes:
        metrics: Metrics that ``tools/test.py --out`` wrote for the last weights, in percent.
        best: Largest mIoU of all validations in training, in percent.
        iterations: Number of training iterations.
        seconds: Training time.
    """

    metrics: Mapping[str, float]
    best: float
    iterations: int
    seconds: float

    @property
    def miou(self) -> float:
        """mIoU of the last weights, in percent."""
        return self.metrics["mIoU"]


Results = Mapping[int, Mapping[str, MethodResult]]  # seed -> method -> result


def verdict(results: Results, baseline: str, method: str) -> str:
    """Summarize in one sentence whether the method gains over the baseline, and how surely."""
    gains = [run[method].miou - run[baseline].miou for run in results.values()]
    average, won = mean(gains), sum(gain > 0 for gain in gains)
    if average <= 0:
        return (
            f"No gain in this run: {method} is {-average:.1f} points of mIoU below {baseline} on "
            f"average ({won} of {len(gains)} seeds above)."
        )
    if len(gains) == 1:
        doubt = " This may be chance: run more seeds." if average < BY_CHANCE else ""
        return f"{method} gains {average:.1f} points of mIoU over {baseline} (one seed).{doubt}"
    sure = "on every seed" if won == len(gains) else f"but only on {won} of {len(gains)} seeds"
    return (
        f"{method} gains {average:.1f} points of mIoU over {baseline} on average, {sure} "
        f"(smallest {min(gains):+.1f}, largest {max(gains):+.1f})."
    )


def seed_table(results: Results, methods: Sequence[str]) -> str:
    """Format a table of final mIoU, the best of all validations in brackets, and minutes."""
    lines = [
        "| seed | " + " | ".join(f"{name} (best) | minutes" for name in methods) + " |",
        "| ---: " * (1 + 2 * len(methods)) + "|",
    ]
    for seed, run in results.items():
        cells = [
            f"{run[name].miou:.1f} ({run[name].best:.1f}) | {run[name].seconds / 60:.1f}"
            for name in methods
        ]
        lines.append(f"| {seed} | " + " | ".join(cells) + " |")
    if len(results) > 1:
        values = {name: [run[name].miou for run in results.values()] for name in methods}
        found = map(mean_and_deviation, values.values())
        cells = [f"**{middle}** ± {spread} |" for middle, spread in found]
        lines.append("| mean | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def class_table(results: Results, methods: Sequence[str]) -> str:
    """Format a table of the IoU of every class, as mean over seeds."""
    names = list(
        dict.fromkeys(
            key.removeprefix("IoU/")
            for run in results.values()
            for result in run.values()
            for key in result.metrics
            if key.startswith("IoU/")
        )
    )
    lines = ["| IoU | " + " | ".join(methods) + " |", "| --- " + "| ---: " * len(methods) + "|"]
    for label in names:
        cells = []
        for name in methods:
            values = [run[name].metrics.get(f"IoU/{label}") for run in results.values()]
            values = [value for value in values if value is not None]
            cells.append(f"{mean(values):.1f}" if values else "-")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
