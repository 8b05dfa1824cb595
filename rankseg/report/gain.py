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
    values = f"({ours:.1f} against {theirs:.1f} of the supervised run{_lengths(run, baseline)})"
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


def _lengths(run: Run, baseline: Run) -> str:
    """Return the lengths of two runs if they differ, since more training alone helps, too.

    A run that stopped early is as long as it has trained.
    """
    ours, theirs = (
        one.iterations[0 if one.summary.get("stopped_early") else 1] for one in (run, baseline)
    )
    if ours is None or theirs is None or ours == theirs:
        return ""
    return f", which trained for {theirs:,} iterations, not {ours:,}"


def gain_sentences(runs: Sequence[Run]) -> list[str]:
    """Return a sentence for each run that has its supervised baseline among the runs.

    Of several baselines with the split and seed of a run, the one of the same length counts.

    Args:
        runs: Runs that were validated on the same data.
    """
    baselines = [run for run in runs if run.method == BASELINE]
    found = []
    for run in runs:
        fitting = [one for one in baselines if (one.split, one.seed) == (run.split, run.seed)]
        if len(fitting) > 1:
            fitting = [one for one in fitting if one.iterations[1] == run.iterations[1]]
        if run.method == BASELINE or len(fitting) != 1:
            continue
        if sentence := gain_sentence(run, fitting[0]):
            found.append(f"{run.name}: {sentence}")
    return found


def gain_after_training(cfg: Config) -> str | None:
    """Return the sentence on a run that has just ended; None without a finished baseline.

    The baseline is the run whose checkpoint labels the unlabeled images (``model.labeler``), or the
    one of the same split and seed in the work folder of the supervised config:
    ``work_dirs/NAME_supervised`` for ``work_dirs/NAME``, and for ``work_dirs/METHOD/NAME``
    ``work_dirs/supervised/NAME_equal_length``, or else ``work_dirs/supervised/NAME``.

    Args:
        cfg: Config of the run.
    """
    mine = Path(cfg.work_dir)
    if not is_run(mine) or cfg.model.type == BASELINE:
        return None
    labeler = cfg.model.get("labeler")
    beside = [
        mine.with_name(f"{mine.name}_supervised"),
        mine.parent.parent / "supervised" / f"{mine.name}_equal_length",
        mine.parent.parent / "supervised" / mine.name,
    ]
    for folder in [Path(labeler).parent] if labeler else beside:
        if not is_run(folder):
            continue
        try:
            run, baseline = read_run(mine, mine.name), read_run(folder, folder.name)
        except ValueError:  # a damaged summary, which tools/report.py explains
            continue
        same = (run.split, run.seed) == (baseline.split, baseline.seed)
        if baseline.method == BASELINE and (labeler or same):
            return gain_sentence(run, baseline)
    return None
