# SPDX-License-Identifier: Apache-2.0
"""The command line of train.py and test.py."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tool(name: str):
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    "config",
    [
        "supervised/voc_92.py",
        "fixmatch/cityscapes_1_16.py",
        "unimatch/voc_92_mix_same.py",
        "rankmatch/voc_92.py",
        "rankmatch/em_mito_2.py",
    ],
)
def test_tiny_run_of_each_family(config, tmp_path):
    run = tmp_path / "run"
    tool("train").main([f"configs/{config}", "--tiny", "--work-dir", str(run)])
    assert (run / "iter_2.pth").is_file() and (run / "summary.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["configs/rankmatch/voc_92.py"], "data_root 'data/VOCdevkit/VOC2012'"),
        (["configs/rankmatch/no.py"], "config configs/rankmatch/no.py does not exist"),
        (["configs/rankmatch/voc_92.py", "--cfg-options", "model.x=1"], "model.x is not an option"),
        (["configs/rankmatch/voc_92.py", "--tiny", "--data-root", "no"], "data_root 'no'"),
        (
            [
                "configs/rankmatch/voc_92.py",
                "--tiny",
                "--cfg-options",
                "model.rank.num_agents=5000",
            ],
            "num_agents=5000",
        ),
        (["configs/rankmatch/voc_92.py", "--resume", "--work-dir", "no"], "--resume found no"),
    ],
)
def test_mistakes_end_with_one_sentence(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        tool("train").main(arguments)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 2
    assert error.startswith("error: ") and message in error


def test_two_processes_without_a_gpu(tmp_path):
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "MASTER_PORT": "29641",
    }
    command = [ROOT / "tools/dist_train.sh", ROOT / "configs/rankmatch/camvid_1_16.py", "2"]
    subprocess.run(
        [*command, "--tiny", "--work-dir", tmp_path / "run"],
        check=True,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
    )
    assert (tmp_path / "run" / "iter_2.pth").is_file()


@pytest.mark.parametrize("name", ["train", "test"])
def test_help(name, capsys):
    with pytest.raises(SystemExit):
        tool(name).main(["--help"])
    assert "--data-root" in capsys.readouterr().out
