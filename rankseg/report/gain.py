# SPDX-License-Identifier: Apache-2.0
"""Gain by unlabeled images: a run compared with its supervised baseline."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from rankseg.report.run_folder import Run, is_run, read_run

BASELINE = "Supervised"
CLEAR = 0.5  # points; smaller differences are noise
UNRELIABLE = 50.0  # percent; below this the labels of the baseline are often wrong
NAMES = {"fgIoU": "IoU"}


def gain_sentence(run: Run, baseline: Run) -> str | None:
    """Return one or two sentences on what unlabeled images gained, by the last validations.

    Args:
        run: Run with unlabeled images.
        baseline: Run with the labeled images alone.

    Returns:
        The sentences; None if one run has no validation by the metric of the other.
    """
    metric = run.metric
    if metric is None or metric not in (baseline.summary or {}).get("last", {}):
        return None
    ours, theirs = (one.summary["last"][metric] for one in (run, baseline))
    if ours != ours or theirs != theirs:
        return None
    values = f"({ours:.1f} against {theirs:.1f} of the supervised run)"
    gained = round(ours, 1) - round(theirs, 1)
    name = NAMES.get(metric, metric)
    if gained >= CLEAR:
        return f"Unlabeled images gained {gained:.1f} {name} {values}."
    if gained > -CLEAR:
        found = f"Unlabeled images made no clear difference in {name} {values}."
    else:
        found = f"Unlabeled images did not help: {-gained:.1f} {name} less {values}."
    cure = (
        "Try more iterations (train_cfg.max_iters of both configs), other strong views "
        "(StrongViews in unlabeled_pipeline), or more labels."
    )
    if theirs < UNRELIABLE:
        cure = (
            "The supervised network is often wrong, and so are its pseudo-labels: label more "
            "images first, or train it for more iterations."
        )
    return f"{found} {cure}"


def gain_sentences(runs: Sequence[Run]) -> list[str]:
    """Return a sentence for each run that has its supervised baseline among the runs.

    Args:
        runs: Runs that were validated on the same data.
    """
    baselines = [run for run in runs if run.method == BASELINE]
    found = []
    for run in runs:
        fitting = [one for one in baselines if (one.split, one.seed) == (run.split, run.seed)]
        if run.method == BASELINE or len(fitting) != 1:
            continue
        if sentence := gain_sentence(run, fitting[0]):
            found.append(f"{run.name}: {sentence}")
    return found


def gain_after_training(cfg: Config) -> str | None:
    """Return the sentence on a run that has just ended; None without a finished baseline.

    The baseline is the run whose checkpoint labels the unlabeled images, ``model.labeler``.

    Args:
        cfg: Config of the run.
    """
    labeler = cfg.model.get("labeler")
    folder, mine = Path(labeler or "").parent, Path(cfg.work_dir)
    if not labeler or not is_run(folder) or not is_run(mine):
        return None
    try:
        run, baseline = read_run(mine, mine.name), read_run(folder, folder.name)
        return gain_sentence(run, baseline) if baseline.method == BASELINE else None
    except ValueError:  # a damaged summary, which tools/report.py explains
        return None
