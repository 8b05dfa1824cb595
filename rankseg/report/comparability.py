# SPDX-License-Identifier: Apache-2.0
"""Differences between runs that make their results hard to compare."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rankseg.report.run_folder import Run
from rankseg.report.settings import differences
from rankseg.utils.config_nodes import nodes
from rankseg.utils.run_summary import lags

FEW = 10  # validation images below which a metric says little
NOISE = 2.0  # standard deviations between seeds that a difference must exceed
LABELED, VALIDATION = "labeled images", "validation images"


def comparison_notes(runs: Sequence[Run], images: Mapping[str, int]) -> list[str]:
    """Return what readers should know before they compare runs, one sentence each.

    Args:
        runs: Runs in the order of the page.
        images: Number of validation images by name of the run, where known.
    """
    known = [run for run in runs if not run.unread]
    found = list(_validation_notes(images))
    if len(known) < 2:
        return found
    facts = {run.name: _facts(run) for run in known}
    labels = dict.fromkeys(label for one in facts.values() for label in one)
    for label in labels:
        values = {name: one[label] for name, one in facts.items() if label in one}
        groups: dict[str, list[str]] = {}
        for name, value in values.items():
            groups.setdefault(str(value), []).append(name)
        if len(groups) > 1:
            shown = "; ".join(f"{value} in {_some(names)}" for value, names in groups.items())
            found.append(f"The runs differ in their {label}: {shown}.")
    return [*found, *_seed_notes(known)]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _validation_notes(images: Mapping[str, int]) -> Iterator[str]:
    for number in dict.fromkeys(images.values()):
        names = [name for name, count in images.items() if count == number]
        runs = "" if len(names) == len(images) else f" of {_some(names)}"
        if 0 < number < FEW:
            only = (
                "is only one validation image"
                if number == 1
                else (f"are only {number} validation images")
            )
            yield (
                f"There {only}{runs}. Another choice of images could change the order of the runs."
            )
    if len(set(images.values())) > 1:
        shown = "; ".join(f"{count} in {name}" for name, count in images.items())
        yield f"The runs differ in the number of validation images: {shown}."


def _facts(run: Run) -> dict[str, Any]:
    """Return the facts about a run that decide what its results can be compared with."""
    cfg, summary = run.config.to_dict(), run.summary or {}
    model = cfg.get("model") or {}
    train = nodes(cfg.get("train_dataloader") or {})
    crops = sorted({str(node["crop_size"]) for _, node in train if "crop_size" in node})
    weights = [
        str(node["class_weight"])
        for _, node in nodes(model.get("student") or {})
        if node.get("class_weight") is not None
    ]
    data = summary.get("data") or {}
    found = {
        "iterations": f"{run.iterations[0]:,}",
        "crop size": " and ".join(crops) or "none",
        "network": _network(model.get("student") or {}),
        "initial weights": model.get("pretrained") or cfg.get("load_from") or "random",
        "class weights": "; ".join(dict.fromkeys(weights)) or "none",
        "split": run.split or "none",
    }
    found |= {label: data[label] for label in (LABELED, VALIDATION) if label in data}
    if summary.get("code"):
        found["code"] = summary["code"]
    return found


def _network(student: Mapping) -> str:
    """Return a short name of a network: encoder, size and decode head."""
    backbone, head = student.get("backbone") or {}, student.get("decode_head") or {}
    sizes = ("depth", "base_channels", "model_name", "name", "embed_dims", "widen_factor")
    parts = [f"{key}={backbone[key]}" for key in sizes if key in backbone]
    size = f" ({', '.join(parts)})" if parts else ""
    return f"{backbone.get('type', '?')}{size} with {head.get('type', '?')}"


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


def _seed_notes(runs: Sequence[Run]) -> Iterator[str]:
    groups = same_settings(runs)
    if len(groups) < 2:
        return
    if all(len(group) == 1 for group in groups):
        yield (
            "Every setting was trained with one seed, so nobody knows how much of a difference is "
            "chance, and no value is marked as the best. Train each with two more seeds."
        )
    seeds = {frozenset(str(run.seed) for run in group) for group in groups}
    if len(seeds) > 1:
        shown = "; ".join(
            f"{', '.join(str(run.seed) for run in group)} in {_some([group[0].name])}"
            for group in groups
        )
        yield f"The settings were trained with different seeds: {shown}."


def leading(runs: Sequence[Run], metric: str) -> set[str]:
    """Return the names of the runs that lead by more than the noise between seeds.

    A run leads if the mean over the seeds of its setting exceeds that of every other setting by
    more than two standard deviations between seeds. No run leads if the seeds of no setting tell
    that deviation, or if the average of the leading weights lags behind the trained network.

    Args:
        runs: Runs that were validated on the same data.
        metric: Metric in percent; larger is better.
    """
    valued = [
        run for run in runs if not run.unread and metric in (run.summary or {}).get("last", {})
    ]
    groups = same_settings(valued)
    values = [[run.summary["last"][metric] for run in group] for group in groups]
    if len(groups) < 2 or any(math.isnan(value) for some in values for value in some):
        return set()
    deviations = [np.std(some, ddof=1) for some in values if len(some) > 1]
    if not deviations:
        return set()
    means = [float(np.mean(some)) for some in values]
    first, second = sorted(range(len(means)), key=means.__getitem__, reverse=True)[:2]
    enough = means[first] - means[second] > NOISE * max(deviations)
    lagging = any(lags(run.summary["last"], metric) for run in groups[first])
    return {run.name for run in groups[first]} if enough and not lagging else set()
