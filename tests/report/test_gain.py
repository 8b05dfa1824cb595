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


def test_finds_the_baseline_by_the_labeler(make_run, monkeypatch):
    runs = {"work/r": make_run("r", 60.0), "work/s": make_run("s", 50.0, method="Supervised")}
    monkeypatch.setattr(gain, "is_run", lambda folder: str(folder) in runs)
    monkeypatch.setattr(gain, "read_run", lambda folder, name: runs[Path(folder).as_posix()])
    cfg = Config(dict(work_dir="work/r", model=dict(labeler="work/s/iter_9.pth")))
    assert gain_after_training(cfg).startswith("Unlabeled images gained 10.0 mIoU")
    cfg.model.labeler = "work/t/iter_9.pth"
    assert gain_after_training(cfg) is None
    cfg.model.labeler = "work/r/iter_9.pth"
    assert gain_after_training(cfg) is None, "no supervised run"
    cfg.model.labeler = None
    assert gain_after_training(cfg) is None
