# SPDX-License-Identifier: Apache-2.0
"""The command line of the export to mmseg."""

import runpy
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from rankseg.testing.random_run import random_run
from rankseg.testing.toy import toy_student

SCRIPT = Path(__file__).parents[2] / "tools" / "model_converters" / "to_mmseg.py"


def run(*arguments) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


def test_loads_code_only_with_trust_checkpoint(tmp_path, capsys):
    config, checkpoint = random_run(tmp_path, toy_student().to_dict())
    torch.save({**torch.load(checkpoint), "args": Namespace(lr=1)}, checkpoint)
    with pytest.raises(SystemExit):
        run(config, checkpoint, "--out", tmp_path / "out")
    assert "holds more than data and was not loaded" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    steps = 'dict(type="LoadSample", value_range=(0, 4095))'
    config.write_text(config.read_text().replace('dict(type="LoadSample")', steps))
    run(config, checkpoint, "--out", tmp_path / "out", "--trust-checkpoint")
    output = capsys.readouterr().out
    assert "note: mmseg only reads the high byte of 16-bit images" in output
    assert "Wrote config.py, mmseg_deeplabv3plus.py, weights.pth to" in output
    assert (
        "Network: the student, 3 classes. Logits of mmseg and of" in output
        and "scale values from 0..4095" in output
    )
