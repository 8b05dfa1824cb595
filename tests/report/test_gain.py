# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from mmengine.config import Config

from rankseg.report import gain
from rankseg.report.gain import gain_after_training, gain_sentence, gain_sentences
from rankseg.report.page import render
from rankseg.report.run_result import RunResult


def test_names_the_gain_by_the_last_validations(make_run):
    run, baseline = make_run("a", 62.04, "fgIoU"), make_run("b", 58.9, "fgIoU", method="Supervised")
    assert gain_sentence(run, baseline) == (
        "Unlabeled images gained 3.1 IoU (62.0 against 58.9 of the supervised run)."
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (58.9, 62.0, "did not help: 3.1 mIoU less .*more iterations.*StrongViews.*more labels"),
        (60.3, 60.0, "no clear difference .*60.3 against 60.0.*more iterations"),
        (40.0, 45.0, "5.0 mIoU less .*often wrong.*label more images"),
        (60.5, 60.0, "gained 0.5 mIoU"),
    ],
)
def test_says_what_to_try_without_a_gain(make_run, ours, theirs, words):
    import re

    assert re.search(words, gain_sentence(make_run("a", ours), make_run("b", theirs)))


def test_no_sentence_without_a_common_metric(make_run):
    assert gain_sentence(make_run("a", None), make_run("b", 50.0)) is None
    assert gain_sentence(make_run("a", 50.0), make_run("b", None)) is None
    assert gain_sentence(make_run("a", 50.0, "fgIoU"), make_run("b", 50.0)) is None
    assert gain_sentence(make_run("a", float("nan")), make_run("b", 50.0)) is None


def test_baseline_has_the_seed_of_the_run(make_run):
    runs = [make_run(f"s{i}", 50.0 + i, method="Supervised", seed=i) for i in range(2)]
    runs += [make_run(f"r{i}", 60.0, seed=i) for i in range(3)]
    found = gain_sentences(runs)
    assert [one.split(" (")[0] for one in found] == [
        "r0: Unlabeled images gained 10.0 mIoU",
        "r1: Unlabeled images gained 9.0 mIoU",
    ]
    page = render([RunResult(run) for run in runs], None)
    assert "r1: Unlabeled images gained 9.0 mIoU" in page
    assert "gained" not in render([RunResult(run) for run in runs], None, problem="Other data.")


@pytest.fixture
def runs(make_run, monkeypatch):
    """Runs by folder, instead of run folders on disk."""
    found = {"work/r": make_run("r", 60.0), "work/s": make_run("s", 50.0, method="Supervised")}
    monkeypatch.setattr(gain, "is_run", lambda folder: Path(folder).as_posix() in found)
    monkeypatch.setattr(gain, "read_run", lambda folder, name: found[Path(folder).as_posix()])
    return found


def config(work_dir="work/r", **model):
    return Config(dict(work_dir=work_dir, model=dict(type="RankMatch", **model)))


def test_finds_the_baseline_by_the_labeler(runs):
    sentence = gain_after_training(config(labeler="work/s/iter_9.pth"))
    assert sentence.startswith("Unlabeled images gained 10.0 mIoU")
    for labeler in ("work/t/iter_9.pth", "work/r/iter_9.pth", None):
        assert gain_after_training(config(labeler=labeler)) is None, "no supervised run"


@pytest.mark.parametrize("folder", ["runs/a/x_supervised", "runs/supervised/x"])
def test_finds_the_baseline_by_its_work_folder(runs, make_run, folder):
    runs["runs/a/x"] = make_run("x", 60.0)
    assert gain_after_training(config("runs/a/x")) is None
    runs[folder] = make_run("s", 57.0, method="Supervised")
    assert "gained 3.0 mIoU" in gain_after_training(config("runs/a/x"))
    runs[folder] = make_run("s", 57.0, method="Supervised", seed=1)
    assert gain_after_training(config("runs/a/x")) is None, "of another seed"
    runs[folder] = make_run("s", 57.0, method="FixMatch")
    assert gain_after_training(config("runs/a/x")) is None, "no supervised run"


def test_a_baseline_has_no_gain(runs):
    cfg = config("work/s")
    cfg.model.type = "Supervised"
    runs["work/s_supervised"] = runs["work/s"]
    assert gain_after_training(cfg) is None


def test_names_lengths_that_differ(make_run):
    run, baseline = make_run("a", 62.0), make_run("b", 58.0, method="Supervised")
    assert "trained for" not in gain_sentence(run, baseline)
    run.config.train_cfg.max_iters = 4000
    assert "which trained for 30 iterations, not 4,000)" in gain_sentence(run, baseline)


def test_a_run_that_stopped_early_is_as_long_as_it_trained(make_run):
    run, baseline = make_run("a", 62.0), make_run("b", 58.0, method="Supervised")
    for one in (run, baseline):
        one.config.train_cfg.max_iters = 4000
    baseline.summary["stopped_early"] = True
    assert "which trained for 30 iterations, not 4,000)" in gain_sentence(run, baseline)


def test_names_lengths_of_runs_in_passes(make_run):
    run, baseline = make_run("a", 62.0), make_run("b", 58.0, method="Supervised")
    for one, length in ((run, 104_880), (baseline, 400)):
        one.config.train_cfg = dict(type="PassTrainLoop", max_epochs=80)
        one.summary["max_iters"] = length
    assert "which trained for 400 iterations, not 104,880)" in gain_sentence(run, baseline)


def test_prefers_the_baseline_of_equal_length(runs, make_run):
    runs["runs/a/x"] = make_run("x", 60.0)
    runs["runs/supervised/x"] = short = make_run("s", 50.0, method="Supervised")
    runs["runs/supervised/x_equal_length"] = equal = make_run("e", 57.0, method="Supervised")
    short.config.train_cfg.max_iters = 3
    assert "gained 3.0 mIoU" in gain_after_training(config("runs/a/x"))
    (found,) = gain_sentences([short, runs["runs/a/x"], equal])
    assert found.startswith("x: Unlabeled images gained 3.0 mIoU")
