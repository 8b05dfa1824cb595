# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "graph.py"


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("benchmark_graph", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_small_graph(tool, tmp_path, capsys):
    out = tmp_path / "new" / "graph.json"
    size = ["--nodes", "300", "--dim", "32", "--classes", "3", "--k", "10", "--labeled", "30"]
    tool.main([*size, "--repeats", "2", "--out", str(out)])
    found = json.loads(out.read_text())
    assert len(found["stages"]) == 4
    for stage in found["stages"].values():
        assert len(stage["seconds"]) == len(stage["peak_mib"]) == 2
        assert min(stage["seconds"]) > 0
    assert found["labels_that_differ"] == 0
    assert found["largest_difference_of_weights"] < 1e-6
    assert found["accuracy"] > 0.5
    assert "0 labels differ" in capsys.readouterr().out


def test_memory_is_that_of_the_work_alone(tool):
    ones, seconds, peak = tool.measured(lambda: np.ones(2**22))
    assert seconds > 0 and peak >= 0
    before, highest = tool.memory()
    assert 0 < before <= highest
    if Path("/proc/self/clear_refs").exists():
        assert 28 < peak < 64  # 32 MiB
        _, _, small = tool.measured(lambda: np.ones(2**10))
        assert small < 16


def test_bad_input(tool, capsys, tmp_path):
    with pytest.raises(SystemExit):
        tool.main(["--classes", "10", "--labeled", "9"])
    assert "classes <= labeled" in capsys.readouterr().err
    few = ["--nodes", "20", "--labeled", "10", "--k", "20", "--out", str(tmp_path / "x.json")]
    with pytest.raises(SystemExit):
        tool.main(few)
    assert "k=20 neighbours in a graph of 20 images" in capsys.readouterr().err
