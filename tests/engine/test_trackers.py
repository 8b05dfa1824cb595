# SPDX-License-Identifier: Apache-2.0
import importlib.machinery
import json
import sys
import types
from types import SimpleNamespace

import pytest

from rankseg import apis
from rankseg.errors import RunEnded
from rankseg.training.foreign_config import may_build
from rankseg.training.run_options import use_trackers
from rankseg.training.run_reference import read_run_config


def fake(monkeypatch, name: str, **content) -> types.ModuleType:
    """Install a module in place of a package that need not be there."""
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, origin="fake")
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name, module)
    return module


@pytest.fixture
def wandb(monkeypatch):
    """A wandb that records its calls."""
    seen = SimpleNamespace(starts=[], rows=[], ends=[], broken=False)

    class Run:
        id, url, dir, offline = "abc123", "https://example.org/abc123", "x", False

        def define_metric(self, *names, **options):
            pass

        def log(self, row):
            if seen.broken:
                raise OSError("no route to host")
            seen.rows.append(row)

        def finish(self, exit_code):
            seen.ends.append(exit_code)

    class Error(Exception):
        pass

    def init(**options):
        seen.starts.append(options)
        return Run()

    module = fake(monkeypatch, "wandb", init=init, Settings=dict, login=lambda: True)
    module.errors = SimpleNamespace(Error=Error)
    seen.module = module
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return seen


@pytest.fixture
def config(config_file, tmp_path):
    def load(**train):
        cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "sets/run"))
        cfg.train_cfg.update(dict(max_iters=4, val_interval=2) | train)
        cfg.default_hooks.logger.interval = 1
        return cfg

    return load


def test_wandb_logs_iterations_and_continues_a_resumed_run(config, wandb, tmp_path, capsys):
    apis.train(config(max_iters=2), log_to="wandb")
    (start,) = wandb.starts
    assert (start["project"], start["name"], start["id"]) == ("rankseg", "sets/run", None)
    assert start["config"]["train_cfg"]["max_iters"] == 2
    assert [row["iteration"] for row in wandb.rows] == [1, 2, 2]
    assert "loss" in wandb.rows[0] and "mIoU" in wandb.rows[2]
    assert wandb.ends == [0]
    assert "https://example.org/abc123" in capsys.readouterr().out
    resumed = config()
    resumed.extend_schedule = True
    apis.resume_from_latest(resumed)
    apis.train(resumed, log_to=["wandb"])
    assert (wandb.starts[1]["id"], wandb.starts[1]["resume"]) == ("abc123", "allow")
    assert [row["iteration"] for row in wandb.rows[3:]] == [3, 4, 4]
    scalars = [*(tmp_path / "sets/run").glob("*/vis_data/scalars.json")]
    assert scalars  # the log for the report is still written


def test_a_run_that_replaces_another_does_not_continue_it(config, wandb):
    apis.train(config(max_iters=2), log_to="wandb")
    apis.train(config(max_iters=2), overwrite=True)
    resumed = config()
    resumed.extend_schedule = True
    apis.resume_from_latest(resumed)
    apis.train(resumed, log_to="wandb")
    assert [start["id"] for start in wandb.starts] == [None, None]


def test_training_continues_without_the_service(config, wandb, capsys):
    wandb.broken = True
    assert apis.train(config(), log_to="wandb").iterations == 4
    assert capsys.readouterr().out.count("no route to host") == 1


def test_ends_the_run_of_the_service_if_training_fails(config, wandb, monkeypatch):
    monkeypatch.setattr("rankseg.engine.hooks.SummaryHook.after_val_epoch", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        apis.train(config(), log_to="wandb")
    assert wandb.ends == [1]


def test_says_what_the_service_refuses(config, wandb, monkeypatch):
    def refuse(**options):
        raise PermissionError("403 at https://me:secret@example.org\nmore")

    wandb.module.init = refuse
    with pytest.raises(RunEnded, match="Weights & Biases to accept.*403 at https://example.org"):
        apis.train(config(), log_to="wandb")

    def no_key():
        raise wandb.module.errors.Error("No API key configured.")

    wandb.module.login = no_key
    with pytest.raises(ValueError, match="log_to wandb.*No API key.*wandb login"):
        apis.train(config(), overwrite=True, log_to="wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(RunEnded):  # no login is needed
        apis.train(config(), overwrite=True, log_to="wandb")


def test_settings_of_a_run_folder_send_nothing(config, wandb, tmp_path):
    apis.train(config(), log_to=["wandb", "tensorboard"])
    backends = [one.type for one in read_run_config(tmp_path / "sets/run").visualizer.vis_backends]
    assert backends == ["LocalVisBackend", "TensorboardVisBackend"]
    assert not may_build("WandbTracker", of_run=True) and not may_build("MlflowTracker", True)
    assert may_build("LocalVisBackend", of_run=True)


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_names_the_package_that_is_missing(name, config, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=f"{name} .*Run: pip install {name}"):
        apis.train(config(), log_to=name)
    assert not (tmp_path / "sets").exists()


def test_takes_no_folder_for_a_package(config, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    (tmp_path / "wandb").mkdir()  # wandb writes such folders
    with pytest.raises(ValueError, match="pip install wandb"):
        use_trackers(config(), "wandb")


def test_refuses_other_names(config):
    with pytest.raises(ValueError, match="log_to to be one of tensorboard.*'clearml'"):
        apis.train(config(), log_to="clearml")


def test_tensorboard_has_the_curves(config, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    apis.train(config(), log_to="tensorboard")
    (file,) = (tmp_path / "sets/run").glob("*/vis_data/events.*")
    found = events.EventAccumulator(str(file)).Reload()
    assert [one.step for one in found.Scalars("loss")] == [1, 2, 3, 4]
    assert [one.step for one in found.Scalars("mIoU")] == [2, 4]


def test_mlflow_logs_to_one_run(config, monkeypatch, tmp_path, capsys):
    calls = []

    class Client:
        def __getattr__(self, name):
            def call(*args, **options):
                calls.append((name, args, options))
                found = {"get_experiment_by_name": None, "create_experiment": "7"}
                return found.get(name, SimpleNamespace(info=SimpleNamespace(run_id="r1")))

            return call

    entities = SimpleNamespace(Metric=lambda *values: values)
    fake(
        monkeypatch, "mlflow", MlflowClient=Client, entities=entities,
        get_tracking_uri=lambda: "https://me:secret@example.org:5000/x",
    )  # fmt: skip
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    apis.train(config(max_iters=2), log_to="mlflow")
    text = capsys.readouterr().out
    assert "at https://example.org:5000/x" in text and "secret" not in text
    made = [args for name, args, _ in calls if name.startswith("create")]
    assert made == [("rankseg",), ("7",)]
    logged = [options["metrics"] for name, _, options in calls if name == "log_batch"]
    assert [row[0][3] for row in logged] == [1, 2, 2]
    assert ("IoU/a", 2) in [(one[0], one[3]) for one in logged[2]]
    assert calls[-1][:2] == ("set_terminated", ("r1", "FINISHED"))
    (note,) = (tmp_path / "sets/run").glob("*/vis_data/MlflowTracker.json")
    assert json.loads(note.read_text()) == {"run": "r1"}
    del calls[:]
    resumed = config()
    resumed.extend_schedule = True
    apis.resume_from_latest(resumed)
    apis.train(resumed, log_to="mlflow")
    assert calls[0][:2] == ("update_run", ("r1",))
    assert not any(name.startswith("create") for name, _, _ in calls)
