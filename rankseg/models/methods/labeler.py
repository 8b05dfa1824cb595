# SPDX-License-Identifier: Apache-2.0
"""The network of another run that makes the pseudo-labels of a method."""

import shlex
import sys
from pathlib import Path

from mmengine.logging import print_log
from torch import nn

from rankseg.models.weights.transfer import read_network

OPTION = "model.labeler"


def check_labeler(network: nn.Module, file: str, config_file: str | None = None) -> None:
    """Check that the checkpoint of a labeler exists and fits.

    If the config of the labeler's run lies beside ``config_file``, that of this run, the message
    names the command that trains it.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(
            f"Expected {OPTION} to be a checkpoint of the run that labels the unlabeled images, "
            f"but there is no file {file}. {_cure(Path(file), config_file)}"
        )
    read_network(network, file, OPTION)


def _cure(file: Path, config_file: str | None) -> str:
    """Return what to do about a missing checkpoint."""
    others = {int(p.stem[5:]): p for p in file.parent.glob("iter_*.pth") if p.stem[5:].isdigit()}
    if others:
        last = shlex.quote(others[max(others)].as_posix())
        return f"Finish that run, or take its last checkpoint: --cfg-options {OPTION}={last}"
    beside = None if config_file is None else Path(config_file).parent / f"{file.parent.name}.py"
    if beside is not None and beside.is_file():
        tool = sys.argv[0] if Path(sys.argv[0]).name == "train.py" else "tools/train.py"
        return f"Train it first: python {shlex.quote(tool)} {shlex.quote(str(beside))}"
    return "Train the supervised baseline with the same network first, or name another checkpoint."


def drop_missing_labeler(config: dict) -> None:
    """Let the teacher make the pseudo-labels if the checkpoint of the labeler does not exist.

    Its step costs as much as one of the labeler. The config is changed in place.
    """
    file = config.get("labeler")
    if file is not None and not Path(file).is_file():
        print_log(f"{file} is missing. The teacher makes the pseudo-labels", "current")
        teacher = config.get("teacher") or {"momentum": 0.01}
        config.update(labeler=None, teacher=teacher, labels_from="teacher")
