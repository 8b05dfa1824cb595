# SPDX-License-Identifier: Apache-2.0
import json
import logging
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from rankseg.engine.hooks import SummaryHook
from rankseg.utils import atomic_file as files
from rankseg.version import __version__


@pytest.fixture
def runner(tmp_path):
    return SimpleNamespace(
        iter=0,
        max_iters=30,
        seed=4,
        work_dir=str(tmp_path),
        experiment_name="x",
        cfg=Config(dict(model=dict(type="RankMatch"), config_file="configs/a.py")),
        logger=logging.getLogger("test"),
        _train_loop=object(),
    )


def validate(hook, runner, iteration, value):
    runner.iter = iteration
    hook.after_val_epoch(runner, {"mIoU": value})


def test_last_and_best_stand_side_by_side(runner, tmp_path, caplog):
    hook = SummaryHook()
    hook.before_train(runner)
    for iteration, value in ((10, 30.0), (20, 50.0), (30, 40.0)):
        validate(hook, runner, iteration, value)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["last"] == {"iteration": 30, "mIoU": 40.0}
    assert summary["best"] == {"iteration": 20, "mIoU": 50.0}
    assert len(summary["history"]) == 3 and summary["seed"] == 4
    with caplog.at_level(logging.INFO):
        hook.after_train(runner)
    assert "last 40.00 (iteration 30), best 50.00 (iteration 20)" in caplog.text


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_validation_without_a_number_is_never_the_best(runner, order):
    hook = SummaryHook()
    hook.before_train(runner)
    for iteration, i in enumerate(order, 1):
        validate(hook, runner, iteration, [float("nan"), 50.0, 40.0][i])
    assert hook.best()["mIoU"] == 50


def test_a_resumed_run_keeps_what_it_had_up_to_there(runner, tmp_path):
    first = SummaryHook()
    first.before_train(runner)
    for iteration, value in ((10, 30.0), (20, 50.0)):
        validate(first, runner, iteration, value)
    second = SummaryHook()
    runner.iter = 10
    second.before_train(runner)
    validate(second, runner, 20, 45.0)
    assert [entry["mIoU"] for entry in second.history] == [30.0, 45.0]


def test_a_validation_that_is_made_up_counts_once(runner):
    first = SummaryHook()
    first.before_train(runner)
    for iteration, value in ((10, 30.0), (20, 50.0)):
        validate(first, runner, iteration, value)
    second = SummaryHook()
    second.before_train(runner)
    validate(second, runner, 20, 50.0)
    assert [entry["iteration"] for entry in second.history] == [10, 20]


def test_damaged_notes_do_not_stop_a_run(runner, tmp_path):
    runner.iter = 10
    (tmp_path / "summary.json").write_text("{")
    hook = SummaryHook()
    hook.before_train(runner)
    validate(hook, runner, 20, 50.0)
    assert [entry["iteration"] for entry in hook.history] == [20]


def test_a_new_run_starts_anew(runner, tmp_path):
    first = SummaryHook()
    first.before_train(runner)
    validate(first, runner, 10, 99.0)
    runner.iter = 0
    second = SummaryHook()
    second.before_train(runner)
    assert second.history == []


def test_a_run_without_a_validation_has_an_end_and_no_numbers(runner, tmp_path, caplog):
    hook = SummaryHook()
    hook.before_train(runner)
    runner.iter = 30
    with caplog.at_level(logging.INFO):
        hook.after_train(runner)
    assert "Trained for 30 iterations without a validation by mIoU" in caplog.text
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["history"] == [] and summary["last"] == summary["best"] == {"iteration": 30}
    again = SummaryHook()
    again.before_train(runner)
    validate(again, runner, 40, 50.0)
    assert [entry["iteration"] for entry in again.history] == [40]


def test_testing_writes_nothing(runner, tmp_path):
    runner._train_loop = None
    SummaryHook().after_val_epoch(runner, {"mIoU": 1.0})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "past",
    [
        "[]",
        "{}",
        '{"seconds": "1", "history": []}',
        '{"seconds": 1, "history": [{"iteration": "1"}]}',
    ],
)
def test_a_summary_of_another_form_is_begun_again(runner, tmp_path, past, monkeypatch):
    said = []
    monkeypatch.setattr(files, "print_log", lambda text, *_: said.append(text))
    (tmp_path / "summary.json").write_text(past)
    runner.iter = 20
    hook = SummaryHook()
    hook.before_train(runner)
    assert hook.history == []
    assert "summary.json cannot be read" in said[0]
    validate(hook, runner, 30, 40.0)
    assert json.loads((tmp_path / "summary.json").read_text())["best"]["mIoU"] == 40.0


def test_validations_by_another_key_are_left_out(runner, tmp_path):
    history = [{"iteration": 10, "top1": 90.0}, {"iteration": 20, "mIoU": 30.0}]
    (tmp_path / "summary.json").write_text(json.dumps({"seconds": 1.0, "history": history}))
    runner.iter = 20
    hook = SummaryHook()
    hook.before_train(runner)
    validate(hook, runner, 30, 20.0)
    assert hook.best() == {"iteration": 20, "mIoU": 30.0}


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"mIoU": 16.9, "student/mIoU": 25.5}, ["25.5 against 16.9", "model.teacher.warmup=9"]),
        ({"mIoU": 16.9, "teacher/mIoU": 25.5}, ["25.5 against 16.9", "model.predict_on='teacher'"]),
        ({"mIoU": 25.0, "student/mIoU": 25.9}, []),
        ({"mIoU": 25.5, "student/mIoU": 16.9}, []),
        ({"mIoU": 25.0, "student/mIoU": float("nan")}, []),
    ],
)
def test_warns_at_the_end_if_the_other_network_is_better(runner, caplog, metrics, words):
    hook = SummaryHook()
    hook.before_train(runner)
    hook.after_val_epoch(runner, metrics)
    hook.after_train(runner)
    found = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert len(found) == bool(words)
    assert all(word in found[0] for word in words)


def test_names_code_and_images(runner, tmp_path):
    runner.identity = {"validation images": "2 (digest ab)", "model.type": "FixMatch"}
    hook = SummaryHook()
    hook.before_train(runner)
    validate(hook, runner, 10, 40.0)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["data"] == {"validation images": "2 (digest ab)"}
    assert summary["code"].startswith(__version__)
