# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "agents.py"


def test_all_ways_choose_the_same_positions(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("benchmark_agents", PATH)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    out = tmp_path / "agents.json"
    size = ["--sides", "4", "9", "--channels", "16", "--agents", "12"]
    tool.main([*size, "--repeats", "1", "--out", str(out)])
    found = json.loads(out.read_text())["sides"]
    assert set(found) == {"4", "9"}
    for side, rounds in (("4", 7), ("9", 11)):  # 4 x 4 has 8 agents only
        assert all(found[side]["same_positions"].values())
        launches = found[side]["launches"]
        assert 12 * rounds < launches["one by one"] < 12 * rounds + 30
        assert 3 * rounds < launches["gram"] < 3 * rounds + 20
        assert launches["ours"] == launches["gram" if side == "4" else "rows"]
    assert "12 agents" in capsys.readouterr().out
