# SPDX-License-Identifier: Apache-2.0
"""The command line of train.py and test.py."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rankseg import apis
from rankseg.cli.collect_results import table
from rankseg.report.run_folder import read_runs
from rankseg.testing.toy import NARROW
from rankseg.training.tiny import make_tiny

ROOT = Path(__file__).resolve().parents[2]


def tool(name: str):
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


SMALLER = [f"{key}={value}" for key, value in NARROW.items()]  # parameters take most of the time


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("supervised/voc_92.py", SMALLER),
        ("fixmatch/cityscapes_1_16.py", SMALLER),
        ("unimatch/voc_92_mix_batch.py", SMALLER),
        ("rankmatch/voc_92.py", SMALLER),
        ("rankmatch/em_mito_2.py", []),
        ("rankmatch/lucchi_5_finetune.py", SMALLER),
    ],
)
def test_tiny_run_of_each_family(config, options, tmp_path):
    run = tmp_path / "run"
    options = ["--cfg-options", *options] if options else []
    tool("train").main([f"configs/{config}", "--tiny", "--work-dir", str(run), *options])
    assert (run / "iter_2.pth").is_file() and (run / "summary.json").is_file()


def test_tiny_run_without_a_validation_set(tmp_path):
    run = tmp_path / "run"
    options = ["val_dataloader=None", "custom_hooks.5.features=train"]  # that of ClusterHook
    config = "configs/metric_learning/omniglot_mini.py"
    tool("train").main([config, "--tiny", "--work-dir", str(run), "--cfg-options", *options])
    assert (run / "iter_2.pth").is_file()
    (one,) = read_runs([run])
    assert one.summary["history"] == [] and one.metric is None and one.iterations == (2, 2)
    assert "| 2 of 2 |" in table([(run, one.summary)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["configs/rankmatch/voc_92.py"], "'data/VOCdevkit/VOC2012' does not exist"),
        (["configs/rankmatch/no.py"], "Config configs/rankmatch/no.py does not exist"),
        (["configs/rankmatch/voc_92.py", "--cfg-options", "model.x=1"], "model.x to be an option"),
        (["configs/rankmatch/voc_92.py", "--tiny", "--data-root", "no"], "'no' does not exist"),
        (
            [
                "configs/rankmatch/voc_92.py",
                "--tiny",
                "--cfg-options",
                "model.rank.num_agents=5000",
            ],
            "num_agents to be 1 to 1089",
        ),
        (
            ["configs/rankmatch/em_mito_2.py", "--tiny", "--load-from", "no.pth"],
            "Checkpoint no.pth does not exist",
        ),
    ],
)
def test_mistakes_end_with_one_sentence(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        tool("train").main(arguments)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 2
    assert error.startswith("error: ") and message in error


def test_a_run_is_not_destroyed_and_can_be(tmp_path, capsys, monkeypatch):
    run = [f"configs/{CLASSES}", "--tiny", "--work-dir", str(tmp_path / "run")]
    tool("train").main([*run, "--resume"])  # there is nothing yet
    assert "has no checkpoint, so this run starts" in "".join(capsys.readouterr())
    with pytest.raises(SystemExit):
        tool("train").main(run)
    assert "contains iter_2.pth. Add --resume to continue" in capsys.readouterr().err
    tool("train").main([*run, "--overwrite"])
    with pytest.raises(SystemExit):
        tool("train").main([*run, "--overwrite", "--resume"])
    assert "not allowed with" in capsys.readouterr().err
    reads, read = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **more: reads.append(1) or read(*args, **more))
    tool("train").main([*run, "--resume"])
    assert len(reads) == 1, "the checkpoint is read once for all checks and the run"


CLASSES = "fixmatch/cifar10_250.py"


@pytest.mark.parametrize("name", ["train", "test", "evaluate_features"])
def test_a_checkpoint_that_runs_code_must_be_insisted_on(name, tmp_path, capsys):
    trap, file = tmp_path / "trap", tmp_path / "model.pth"
    torch.save({"state_dict": {}, "x": Trap(trap)}, file)
    arguments = ["configs/" + CLASSES, "--work-dir", str(tmp_path / "run")]
    if name == "train":
        arguments += ["--tiny", "--cfg-options", f"load_from={file}"]
    else:
        # neither has --tiny: the images are stand-ins, as there
        cfg = make_tiny(apis.load_config(arguments[0]), str(tmp_path / "tiny"))
        arguments += ["--data-root", cfg.test_dataloader.dataset.data_root, str(file)]
    with pytest.raises(SystemExit):
        tool(name).main(arguments)
    assert "model.pth holds more than data" in capsys.readouterr().err
    assert not trap.exists()
    with pytest.raises(SystemExit):  # it has been loaded, and fits nothing
        tool(name).main([*arguments, "--trust-checkpoint"])
    assert "model.pth does not fit the model" in capsys.readouterr().err
    assert trap.is_dir()


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.makedirs, (str(self.path), 0o777, True)


@pytest.mark.soak
def test_two_processes_without_a_gpu(tmp_path):
    """The real ``torchrun``; what it hands over is tested in tests/reliability/test_launch.py."""
    config = ROOT / "configs/fixmatch/cifar10_250.py"
    command = [ROOT / "tools/dist_train.sh", config, "2"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [*command, "--tiny", "--work-dir", tmp_path / "run"],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "MASTER_PORT": "29641"},
        capture_output=True,
    )
    assert (tmp_path / "run" / "iter_2.pth").is_file()


@pytest.mark.parametrize("name", ["train", "test"])
def test_help(name, capsys):
    with pytest.raises(SystemExit):
        tool(name).main(["--help"])
    assert "--data-root" in capsys.readouterr().out
