# SPDX-License-Identifier: Apache-2.0
"""The command line of the converter, there and back."""

import runpy
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

from rankseg.export.released_names import released_student, to_theirs
from rankseg.registry import MODELS

SCRIPT = Path(__file__).parents[2] / "tools" / "model_converters" / "unimatch.py"


def run(*arguments) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


@pytest.fixture
def released(tmp_path) -> Path:
    with DefaultScope.overwrite_default_scope("rankseg"):
        state = MODELS.build(released_student(101, 5, width=4)).state_dict()
    path = tmp_path / "best.pth"
    torch.save({"model": {f"module.{k}": v for k, v in to_theirs(state).items()}}, path)
    return path


def test_converts_there_and_back(tmp_path, released, capsys):
    run(released, tmp_path / "out" / "ours.pth")
    assert "ours.pth: ResNet-101, 5 classes," in capsys.readouterr().out
    run(tmp_path / "out" / "ours.pth", tmp_path / "theirs.pth", "--reverse")
    first, last = (torch.load(p)["model"] for p in (released, tmp_path / "theirs.pth"))
    assert list(first) == list(last)
    assert all(torch.equal(first[name], last[name]) for name in first)


def test_user_error_prints_one_message(tmp_path, released, capsys):
    for arguments, message in [
        ((released, released), "best.pth exists. Remove it, or choose another name"),
        ((tmp_path / "no.pth", tmp_path / "a.pth"), "no.pth does not exist"),
        ((released, tmp_path / "a.pth", "--reverse"), "cannot be converted. Expected UniMatch's"),
        (
            (released, tmp_path / "a.pth", "--network", "teacher"),
            "Expected --network only with --reverse",
        ),
    ]:
        with pytest.raises(SystemExit) as ended:
            run(*arguments)
        assert ended.value.code == 2
        errors = capsys.readouterr().err.splitlines()
        assert message in errors[-1]
    assert not (tmp_path / "a.pth").exists()
