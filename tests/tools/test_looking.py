# SPDX-License-Identifier: Apache-2.0
"""The command lines of report.py, compare.py and agent_maps.py."""

import importlib.util
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
WANTED = {
    "report": (["a", "b", "--no-predict", "--images", "3"], "rankseg.apis.report.report"),
    "compare": (["a", "b", "--mark", "--pick", "differ"], "rankseg.apis.compare.compare"),
    "agent_maps": (
        ["CONFIG", "x.pth", "a.png", "--seed", "4"],
        "rankseg.apis.agent_maps.agent_maps",
    ),
}


@pytest.fixture
def call(monkeypatch):
    """Run a tool whose work is replaced; returns what it asked for."""

    def call(name: str, *more: str) -> tuple:
        arguments, function = WANTED[name]
        found = []
        monkeypatch.setattr(function, lambda *args, **kw: found.append((args, kw)) or "out")
        spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main([*arguments, *more])
        return found[0]

    return call


def test_report(call):
    args, kw = call("report", "--checkpoint", "best", "--out", "x.html")
    assert args == (["a", "b"], "x.html")
    assert kw == {"predict": False, "which": "best", "images": 3}


def test_compare(call):
    args, kw = call("compare")
    assert args == (["a", "b"], "compare.png")
    assert kw == {"images": 5, "pick": "differ", "which": "last", "mark": True}


def test_agent_maps(call, tmp_path, monkeypatch):
    config = tmp_path / "a.py"
    config.write_text("train_dataloader = dict(dataset=dict())\nmodel = dict(type='RankMatch')\n")
    (_, *rest), function = WANTED["agent_maps"]
    monkeypatch.setitem(WANTED, "agent_maps", ([str(config), *rest], function))
    args, kw = call("agent_maps")
    assert args[0].config_file == str(config) and args[1:] == ("x.pth", ["a.png"])
    assert kw["seed"] == 4 and kw["out"] == "agent_maps"
    assert "randomness" not in args[0]


def test_a_mistake_is_one_sentence(call, monkeypatch, capsys):
    def fail(*args, **kw):
        raise ValueError("a is no run")

    monkeypatch.setattr("rankseg.apis.report.report", fail)
    monkeypatch.setitem(WANTED, "report", (["a"], "rankseg.apis.report.read_runs"))
    with pytest.raises(SystemExit) as ended:
        call("report")
    assert ended.value.code == 2 and capsys.readouterr().err == "error: a is no run\n"
