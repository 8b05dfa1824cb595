# SPDX-License-Identifier: Apache-2.0
import shutil
from pathlib import Path

import pytest

from rankseg import apis
from rankseg.cli import predict, test, train
from rankseg.testing.commands import parse_command, printed_commands
from rankseg.training.next_steps import after_training, next_lines

MAINS = {"test": test.main, "predict": predict.main}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A current folder whose name a shell would split."""
    folder = tmp_path / "my runs"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_printed_commands_work_with_options_in_odd_folders(here, config_file, capsys):
    arguments = ["--work-dir", "run (1)", "--data-root", str(config_file.parent / "set")]
    options = ["--cfg-options", "model.threshold=0.5", "model.student.decode_head.channels=8"]
    train.main([str(config_file), *arguments, *options])
    commands = printed_commands(capsys.readouterr().out.partition("Next:")[2])
    parsed = [parse_command(command) for command in commands]
    assert [name for name, _ in parsed] == ["test", "predict", "report"]
    for command, (name, _) in zip(commands, parsed, strict=True):
        if name in MAINS:
            MAINS[name](command[2:])
    assert Path("run (1)/predicted/summary.csv").is_file()
    assert "mIoU" in capsys.readouterr().out


def test_run_folder_continues(here, config_file):
    train.main([str(config_file), "--work-dir", "run"])
    options = ["--extend-schedule", "--cfg-options", "train_cfg.max_iters=6"]
    train.main(["run", "--resume", *options])
    assert Path("run/last.pth").samefile("run/iter_6.pth")


def test_runs_with_own_modules_must_be_trusted(toy_runs, tmp_path):
    run = shutil.copytree(toy_runs["rank"], tmp_path / "run", symlinks=True)
    cfg = apis.load_config(str(run))
    assert not any("--trust-checkpoint" in one for one in after_training(cfg))
    for file in run.glob("*/vis_data/config.py"):
        file.write_text(f"custom_imports = dict(imports=['mine'])\n{file.read_text()}")
    commands = after_training(cfg)
    assert commands and all("--trust-checkpoint" in one for one in commands)


def test_no_commands_without_a_checkpoint(toy_runs, tmp_path):
    cfg = apis.load_config(str(toy_runs["rank"]))
    cfg.work_dir = str(tmp_path)
    assert after_training(cfg) == []


def test_lines_are_aligned():
    assert next_lines(["a", "b"]) == "Next: a\n      b"
