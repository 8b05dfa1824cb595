# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "tools" / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def step(monkeypatch):
    """The tool, with a network of an eighth of the channels."""
    tool = load("step")
    inner = tool.load_config

    def narrow(file):
        cfg = inner(file)
        cfg.model.student.backbone.update(base_channels=8, stem_channels=8)
        cfg.model.student.decode_head.update(channels=16, c1_channels=8)
        return cfg

    monkeypatch.setattr(tool, "load_config", narrow)
    return tool


def test_loss(tmp_path, capsys):
    out = tmp_path / "loss.json"
    size = ["--crop", "65", "--channels", "8", "--agents", "6", "--batch", "2"]
    load("loss").main([*size, "--repeats", "1", "--out", str(out)])
    found = json.loads(out.read_text())
    assert set(found["parts"]) == {"rank", "mix"}
    for part in found["parts"].values():
        assert part["largest_relative_difference"] < 1e-4
        assert part["times_faster"] > 0
    assert "times the bound" in capsys.readouterr().out


def test_step(step, tmp_path, capsys):
    out = tmp_path / "step.json"
    size = ["--depth", "18", "--crop", "65", "--agents", "6"]
    cases = ["plain-same", "ours-same"]
    step.main([*size, "--cases", *cases, "--repeats", "1", "--out", str(out)])
    found = json.loads(out.read_text())
    assert found["largest_relative_difference"]["ours-same"]["losses"] < 1e-4
    assert set(found["cases"]) == set(cases)
    assert set(found["ratios"]) == {"plain-same / ours-same"}
    assert "plain-same / ours-same" in capsys.readouterr().out


def test_counts_operations(step, tmp_path, capsys):
    out = tmp_path / "step.json"
    size = ["--depth", "18", "--crop", "65", "--cases", "ours-batch", "--launches"]
    found = []
    for agents in ("8", "12"):
        step.main([*size, "--agents", agents, "--out", str(out)])
        found.append(json.loads(out.read_text())["launches"]["ours-batch"])
    few, many = found
    # three operations for each of four more agents, of both views together
    assert [many[name] - few[name] for name in few] == [12, 12]
    assert 0 < many["forward"] < many["forward and backward"]
    assert "ours-batch: {'forward':" in capsys.readouterr().out


def test_trades_time_for_memory(step, tmp_path):
    out = tmp_path / "step.json"
    size = ["--depth", "18", "--crop", "33", "--agents", "4", "--batch", "4", "--repeats", "1"]
    plain, half, checkpointing = (
        "ours-batch-nhwc",
        "ours-batch-nhwc-half",
        "ours-batch-nhwc-checkpointing",
    )
    step.main([*size, "--cases", plain, half, checkpointing, "--out", str(out)])
    found = json.loads(out.read_text())
    assert set(found["ratios"]) == {f"{half} / {plain}", f"{checkpointing} / {plain}"}
    different = found["largest_relative_difference"]
    assert set(different) == {plain, checkpointing}  # half a batch pastes from its own half
    assert different[checkpointing] == pytest.approx(different[plain], rel=1, abs=1e-6)


def test_raises_on_an_odd_batch(capsys):
    with pytest.raises(SystemExit):
        load("step").main(["--batch", "2", "--cases", "ours-batch-nhwc-half"])
    assert "even and 4 or more" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["loss", "step"])
def test_raises_on_a_crop_off_the_grid(name, capsys):
    with pytest.raises(SystemExit):
        load(name).main(["--crop", "320"])
    assert "16" in capsys.readouterr().err
