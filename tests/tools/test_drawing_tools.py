# SPDX-License-Identifier: Apache-2.0
"""The command lines of report.py, compare.py, agent_maps.py and sample_map.py."""

import importlib.util
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
WANTED = {
    "report": (["a", "b", "--no-predict", "--images", "3"], "rankseg.report.report.report"),
    "compare": (["a", "b", "--mark", "--pick", "differ"], "rankseg.report.compare.compare"),
    "agent_maps": (
        ["CONFIG", "x.pth", "a.png", "--seed", "4"],
        "rankseg.analysis.agent_maps.agent_maps",
    ),
    "sample_map": (
        ["CONFIG", "x.pth", "--rows", "a", "b", "--how", "pca"],
        "rankseg.analysis.sample_map.sample_map",
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
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pth").touch()
    config = tmp_path / "a.py"
    config.write_text("train_dataloader = dict(dataset=dict())\nmodel = dict(type='RankMatch')\n")
    (_, *rest), function = WANTED["agent_maps"]
    monkeypatch.setitem(WANTED, "agent_maps", ([str(config), *rest], function))
    args, kw = call("agent_maps")
    assert args[0].config_file == str(config) and args[1:] == ("x.pth", ["a.png"])
    assert kw["seed"] == 4 and kw["out"] == "agent_maps"
    assert "randomness" not in args[0]


@pytest.mark.parametrize("out", [(), ("--out", "x.png")])
def test_sample_map(call, tmp_path, monkeypatch, out, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pth").touch()
    config = tmp_path / "a.py"
    config.write_text("train_dataloader = dict(dataset=dict())\nmodel = dict(type='LMCS')\n")
    (_, *rest), function = WANTED["sample_map"]
    monkeypatch.setitem(WANTED, "sample_map", ([str(config), *rest], function))
    folder = str(tmp_path / "run")
    args, kw = call("sample_map", "--work-dir", folder, "--limit", "9", *out)
    assert args[0].config_file == str(config) and args[1:] == ("x.pth",)
    assert str(kw.pop("out")) == ("x.png" if out else f"{folder}/sample_map_train.png")
    assert kw == {
        "images": "train", "how": "pca", "limit": 9, "rows": ["a", "b"], "network": None,
        "tap": "decode_head.pool", "seed": 0, "cache": f"{folder}/features",
    }  # fmt: skip
    assert capsys.readouterr().out == "Wrote out.\n"
    with pytest.raises(SystemExit):
        call("sample_map", "--launcher", "pytorch")
    assert capsys.readouterr().err.startswith("error: tools/sample_map.py runs in one process")


def test_user_error_prints_one_message(call, monkeypatch, capsys):
    def fail(*args, **kw):
        raise ValueError("a is no run")

    monkeypatch.setattr("rankseg.report.report.report", fail)
    monkeypatch.setitem(WANTED, "report", (["a"], "rankseg.report.report.read_runs"))
    with pytest.raises(SystemExit) as ended:
        call("report")
    assert ended.value.code == 2 and capsys.readouterr().err == "error: a is no run\n"
