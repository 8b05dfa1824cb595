# SPDX-License-Identifier: Apache-2.0
import json
import logging
import math
from types import SimpleNamespace

import pytest

from rankseg import apis
from rankseg.engine.hooks import EarlyStoppingHook, SummaryHook
from rankseg.engine.hooks.base import RunHook
from rankseg.report.page_tables import unfinished
from rankseg.report.run_folder import read_run


@pytest.fixture
def validate(tmp_path, monkeypatch):
    """A function that validates a run with a hook, and returns the iteration at which it stops."""
    monkeypatch.setattr(RunHook, "before_train", lambda *_: None)
    monkeypatch.setattr(SummaryHook, "_write", lambda *_: None)

    def run(values, patience=2, earlier=(), **options):
        hook, summary = EarlyStoppingHook(patience, **options), SummaryHook("fgIoU")
        summary.history = [dict(iteration=10 * i, fgIoU=v) for i, v in enumerate(earlier, 1)]
        runner = SimpleNamespace(
            iter=10 * len(earlier),
            max_iters=1000,
            hooks=[summary, hook],
            train_loop=SimpleNamespace(stop_training=False),
            logger=logging.getLogger("test"),
            _train_loop=object(),
        )
        hook.before_train(runner)
        for value in values:
            if runner.train_loop.stop_training:
                break
            runner.iter += 10
            for one in runner.hooks:
                one.after_val_epoch(runner, {"fgIoU": value})
        return runner.iter if runner.train_loop.stop_training else None

    return run


@pytest.mark.parametrize(
    ("values", "stops"),
    [
        ([5, 6, 7, 8, 9], None),
        ([5, 4, 3], 30),
        ([5, 4, 6, 6, 6], 50),  # equal is no improvement
        ([5, 5.05, 5.09], 30),  # less than 0.1 points
        ([5, 4, 5.2, 4, 5.4], None),
        ([math.nan, math.nan, math.nan], 20),
        ([math.nan, 1, math.nan, 2], None),
        ([5, math.nan, math.nan], 30),
    ],
)
def test_stops_after_validations_without_improvement(values, stops, validate):
    assert validate(values) == stops


def test_counts_validations_before_a_resume(validate):
    assert validate([4], earlier=[5, 4]) == 30
    assert validate([6, 5], earlier=[5, 4]) is None
    assert validate([9], earlier=[5, 4, 3]) == 30  # stopped before
    assert validate([4, 4], earlier=[5, 4, 3], patience=4) == 50


def test_patience_and_gain(validate):
    assert validate([5, 6, 7, 8], patience=1, min_delta=2) == 20
    for options, name in ((dict(patience=0), "--patience"), (dict(min_delta=0.0), "min_delta")):
        with pytest.raises(ValueError, match=f"{name}.*0"):
            EarlyStoppingHook(**options)
    for patience in (True, 2.5, "3"):
        with pytest.raises(ValueError, match="--patience"):
            EarlyStoppingHook(patience)


def config(config_file, folder, **train):
    cfg = apis.load_config(str(config_file), work_dir=str(folder))
    cfg.train_cfg.update(dict(max_iters=8, val_interval=1) | train)
    cfg.default_hooks.checkpoint.interval = 8
    # no gain is large enough
    cfg.custom_hooks += [dict(type="EarlyStoppingHook", patience=2, min_delta=1000)]
    return cfg


def test_run_ends_saved_and_can_go_on(config_file, tmp_path, capsys):
    result = apis.train(config(config_file, tmp_path / "run"))
    assert (result.iterations, result.last.name) == (3, "iter_3.pth")
    assert [entry["iteration"] for entry in result.history] == [1, 2, 3]
    assert json.loads((tmp_path / "run/summary.json").read_text())["stopped_early"] is True
    assert "stopped early (3 of 8 iterations)" in unfinished(read_run(tmp_path / "run", "run"))
    out = capsys.readouterr().out
    assert "Stopped early at iteration 3 of 8" in out and "Finished 3 iterations" in out
    for patience, iterations in ((2, 3), (4, 5)):
        again = config(config_file, tmp_path / "run")
        again.custom_hooks[-1].patience = patience
        apis.resume_from_latest(again)
        assert apis.train(again).iterations == iterations
        assert f"Stopped early at iteration {iterations} of 8" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("train", "patience", "words"),
    [
        (dict(max_iters=4, val_interval=2), 2, "patience to be below 2.*got 2.*val_interval"),
        (dict(max_iters=4, val_interval=1, val_begin=3), 2, "patience to be below 2.*got 2"),
        (dict(), 0, "patience to be .*1 or more.*got 0"),
    ],
)
def test_refuses_a_patience_that_makes_no_sense(config_file, tmp_path, train, patience, words):
    cfg = config(config_file, tmp_path / "run", **train)
    with pytest.raises(ValueError, match=words) as error:
        apis.train(cfg, patience=patience)
    assert "--" not in str(error.value)  # no command line in the words of Python
    assert not (tmp_path / "run").exists()


def test_refuses_a_run_without_validation_or_metric(config_file, tmp_path):
    cfg = config(config_file, tmp_path / "run")
    cfg.val_dataloader = None
    with pytest.raises(ValueError, match="val_dataloader.*patience"):
        apis.train(cfg)
    cfg = config(config_file, tmp_path / "run")
    cfg.custom_hooks = [one for one in cfg.custom_hooks if one.type != "SummaryHook"]
    with pytest.raises(ValueError, match="SummaryHook.*patience"):
        apis.train(cfg)
