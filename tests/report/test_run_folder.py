# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from rankseg.report.run_folder import read_runs

CONFIG = """
model = dict(type="RankMatch")
randomness = dict(seed=3)
train_cfg = dict(max_iters=30)
train_dataloader = dict(dataset=dict(labeled="splits/labeled_2.txt"))
"""


def make(folder, summary: dict | None = None, config: str = CONFIG):
    start = folder / "20260101_000000"
    (start / "vis_data").mkdir(parents=True)
    (start / "vis_data/config.py").write_text(config)
    entry = {"loss": 1.0, "iter": 15, "step": 15}
    (start / "vis_data/scalars.json").write_text(json.dumps(entry) + "\n")
    if summary:
        (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def done(value: float) -> dict:
    last = {"iteration": 30, "mIoU": value}
    return {"seconds": 60.0, "last": last, "best": last, "history": [last]}


def test_reads_a_finished_run(tmp_path):
    folder = make(tmp_path / "a", done(50.0))
    for name in ("iter_9.pth", "iter_10.pth", "iter_x.pth", "best_mIoU_iter_9.pth"):
        (folder / name).touch()
    (run,) = read_runs([folder])
    assert (run.name, run.method, run.seed, run.metric) == ("a", "RankMatch", 3, "mIoU")
    assert (run.iterations, run.split) == ((30, 30), "labeled_2.txt")
    assert run.last_checkpoint.name == "iter_10.pth"
    assert run.best_checkpoint.name == "best_mIoU_iter_9.pth"


@pytest.mark.parametrize(
    ("hooks", "numbers", "metric"),
    [
        ("", dict(mIoU=50.0, fgIoU=9.0), "fgIoU"),
        ("dict(type='SummaryHook', key='fgIoU')", dict(mIoU=50.0, fgIoU=9.0), "fgIoU"),
        ("dict(type='SummaryHook')", dict(mIoU=50.0, fgIoU=9.0), "mIoU"),
        ("dict(type='SummaryHook', key='aAcc')", dict(mIoU=50.0, aAcc=9.0), "aAcc"),
        ("dict(type='SummaryHook', key='gone')", dict(top1=50.0), "top1"),
    ],
)
def test_metric_is_the_one_that_selects_the_best(tmp_path, hooks, numbers, metric):
    summary = {name: {"iteration": 30, **numbers} for name in ("last", "best")}
    config = CONFIG + f"custom_hooks = [{hooks}]\n"
    (run,) = read_runs([make(tmp_path / "a", {**summary, "seconds": 1.0}, config)])
    assert run.metric == metric


def test_reads_a_run_that_has_just_begun(tmp_path):
    (run,) = read_runs([make(tmp_path / "a")])
    assert run.summary is None and run.metric is None
    assert run.iterations == (15, 30)
    assert run.last_checkpoint is None and run.best_checkpoint is None


def test_finds_runs_in_a_folder_without_their_test_logs(tmp_path):
    for name in ("x/a", "y/a", "x/b"):
        make(tmp_path / name)
    make(tmp_path / "x/a/test")
    names = [run.name for run in read_runs([tmp_path, tmp_path / "x/b"])]
    assert names == ["x/a", "x/b", "y/a"]


def test_raises_on_a_folder_without_runs(tmp_path):
    with pytest.raises(ValueError, match="Expected a work folder .*Name the work folder of a run"):
        read_runs([tmp_path])
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        read_runs([tmp_path / "nowhere"])


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"last": 3}'])
def test_raises_on_a_damaged_summary(tmp_path, text):
    folder = make(tmp_path / "a")
    (folder / "summary.json").write_text(text)
    with pytest.raises(ValueError, match=r"summary\.json .* is damaged .*Remove the file"):
        read_runs([folder])


@pytest.mark.parametrize("text", ["model = ", "x = 1", "raise RuntimeError"])
def test_reads_the_logs_of_a_run_without_settings(tmp_path, text):
    (run,) = read_runs([make(tmp_path / "a", done(50.0), config=text)])
    assert str(tmp_path / "a/20260101_000000/vis_data/config.py to contain") in run.unread
    assert (run.method, run.seed, run.metric, run.iterations) == ("?", None, "mIoU", (30, None))
    assert run.split == "" and len(run.config) == 0


def test_run_with_settings_has_no_note(tmp_path):
    (run,) = read_runs([make(tmp_path / "a")])
    assert run.unread is None
