# SPDX-License-Identifier: Apache-2.0
import json
import logging
from types import SimpleNamespace

import cv2
import pytest
from mmengine.config import Config

from rankseg.engine.hooks import CurvesHook


@pytest.fixture
def runner(tmp_path):
    folder = tmp_path / "20260101_000000/vis_data"
    folder.mkdir(parents=True)
    entries = [{"loss": 2.0 / i, "lr": 0.1, "iter": i, "step": i} for i in (1, 2)]
    entries.append({"mIoU": 40.0, "step": 2})
    (folder / "scalars.json").write_text("".join(json.dumps(e) + "\n" for e in entries))
    return SimpleNamespace(
        work_dir=str(tmp_path),
        experiment_name="x",
        cfg=Config(dict(config_file="configs/a.py")),
        logger=logging.getLogger("test"),
        _train_loop=object(),
    )


def test_curves_are_drawn_at_validations_not_too_often_and_at_the_end(runner, tmp_path):
    file = tmp_path / "curves.png"
    hook = CurvesHook(seconds=1000)
    hook.after_val_epoch(runner)
    assert cv2.imread(str(file)).shape[1] > 1000  # three frames
    file.unlink()
    hook.after_val_epoch(runner)
    assert not file.exists()
    hook.after_train(runner)
    assert file.exists()


def test_where_a_drawing_takes_long_there_are_fewer(runner, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("rankseg.engine.hooks.curves.time.monotonic", lambda: now[0])

    def slow(*args):
        now[0] += 2.0
        drawn.append(now[0])

    drawn = []
    monkeypatch.setattr("rankseg.engine.hooks.curves.draw_training", slow)
    hook = CurvesHook(seconds=10)
    while now[0] < 1000:
        hook.after_val_epoch(runner)
        now[0] += 5
    assert len(drawn) == 3 and 2.0 * len(drawn) < 0.01 * now[0]


def test_a_test_draws_nothing(runner, tmp_path):
    runner._train_loop = None
    CurvesHook().after_val_epoch(runner)
    assert not (tmp_path / "curves.png").exists()


def test_a_run_without_numbers_has_no_picture(runner, tmp_path, caplog):
    (tmp_path / "20260101_000000/vis_data/scalars.json").unlink()
    CurvesHook().after_train(runner)
    assert not (tmp_path / "curves.png").exists() and not caplog.records


def test_a_drawing_that_fails_is_told_once_and_costs_no_run(runner, tmp_path, monkeypatch, caplog):
    def fail(*args):
        raise RuntimeError("no font")

    monkeypatch.setattr("rankseg.engine.hooks.curves.draw_training", fail)
    hook = CurvesHook(seconds=0)
    for _ in range(3):
        hook.after_val_epoch(runner)
    (record,) = caplog.records
    assert "curves.png could not be drawn (" in record.message
    assert "no font" in record.message
    assert not list(tmp_path.glob("curves*"))
