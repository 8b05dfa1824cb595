# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

import pytest
import torch

FILE = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "start.py"


@pytest.fixture
def start():
    spec = importlib.util.spec_from_file_location("benchmark_start", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_runs_the_commands(start, monkeypatch, tmp_path):
    calls = []

    def train(config, run, iterations, *options):
        found = {file.name: torch.load(file)["meta"]["iter"] for file in run.glob("*.pth")}
        calls.append((run.name, iterations, options, found))
        if run.name == "first":
            run.mkdir()
            torch.save({"meta": {"iter": 1}}, run / "iter_1.pth")
        if "--resume" in options:
            assert (run / "last_checkpoint").read_text() == str(run / "iter_700.pth")

    monkeypatch.setattr(start, "train", train)
    out = tmp_path / "start.json"
    start.main(["--iteration", "700", "--repeats", "1", "--out", str(out)])
    fresh, on = ("new", 1, ("--overwrite",), {}), ("on", 701, ("--resume",), {"iter_700.pth": 700})
    assert calls == [("first", 1, (), {}), *2 * [fresh, on]]
    assert set(json.loads(out.read_text())["cases"]) == {"from nothing", "after 700"}


def test_shows_the_output_of_a_failed_run(start, tmp_path):
    with pytest.raises(RuntimeError, match="Config .* does not exist"):
        start.train(tmp_path / "none.py", tmp_path / "run", 1)
