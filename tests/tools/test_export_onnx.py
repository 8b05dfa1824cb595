# SPDX-License-Identifier: Apache-2.0
"""The command line of the ONNX export."""

import runpy
from pathlib import Path

import pytest

from rankseg.testing.random_run import random_run
from rankseg.testing.toy import toy_student

SCRIPT = Path(__file__).parents[2] / "tools" / "export_onnx.py"


def run(*arguments) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


def test_prints_notes_on_windows_and_16_bits(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    student = toy_student()
    student.test_cfg = dict(mode="slide", crop_size=(33, 33), stride=(16, 16))
    config, checkpoint = random_run(tmp_path, student.to_dict())
    steps = 'dict(type="LoadSample", value_range=(0, 4095))'
    config.write_text(config.read_text().replace('dict(type="LoadSample")', steps))
    run(config, checkpoint, "--out", tmp_path / "m.onnx", "--with-preprocessing", "--argmax")
    output = capsys.readouterr().out
    assert "m.onnx: the student, ONNX opset 18.\nimage:  uint8 (batch, height, width, 3)" in output
    assert "result: uint8 (batch, height, width), class of 3" in output
    assert "note: before prediction, scale 16-bit values from 0..4095 to 0..255" in output
    assert (
        "predicts large images in overlapping windows" in output
        and '"crop_size": [33, 33]' in output
    )


def test_user_error_prints_one_message(tmp_path, capsys):
    config, checkpoint = random_run(tmp_path, toy_student().to_dict())
    checkpoint.write_text("none")
    with pytest.raises(SystemExit) as ended:
        run(config, checkpoint, "--out", tmp_path / "m.onnx")
    assert ended.value.code == 2
    assert "error: Checkpoint" in capsys.readouterr().err
