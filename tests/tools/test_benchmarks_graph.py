# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

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
    assert len(found["stages"]) == 6
    for stage in found["stages"].values():
        assert len(stage["seconds"]) == len(stage["peak_mib"]) == 2
        assert min(stage["seconds"]) > 0
    assert found["labels_that_differ"] == 0
    assert found["largest_difference_of_weights"] < 1e-6
    assert found["accuracy"] > 0.5
    assert 0.5 < found["probes"]["neighbors_found"] <= 1
    assert "0 labels differ" in capsys.readouterr().out


def test_raises_on_bad_input(tool, capsys, tmp_path):
    with pytest.raises(SystemExit):
        tool.main(["--classes", "10", "--labeled", "9"])
    assert "--classes <= --labeled" in capsys.readouterr().err
    few = ["--nodes", "20", "--labeled", "10", "--k", "20", "--out", str(tmp_path / "x.json")]
    with pytest.raises(SystemExit):
        tool.main(few)
    assert "as the graph has 20 images, but got 20" in capsys.readouterr().err
