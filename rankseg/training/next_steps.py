# SPDX-License-Identifier: Apache-2.0
"""Commands that a user may want to run after training."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.engine.run_header import short
from rankseg.training.run_reference import find_checkpoint, read_run_config
from rankseg.training.validation import is_embedding
from rankseg.utils.commands import tool_command


def after_training(cfg: Config, val: Any = None) -> list[str]:
    """Return commands, quoted for a shell, that use the network of a finished run.

    The work folder stands for the settings of the run, so that they need not be repeated. The first
    image of the validation set is the example to predict.
    """
    folder = Path(cfg.work_dir)
    try:
        find_checkpoint(folder)
    except FileNotFoundError:
        return []
    trust = ["--trust-checkpoint"] if _needs_trust(folder) else []
    run, commands = str(folder), []
    if cfg.get("test_dataloader"):
        commands.append(["test", run, *trust])
    example = _first_image(val)
    if is_embedding(cfg):
        commands.append(["retrieve", run, *trust])
    elif example is not None:
        commands.append(["predict", run, example, "--out", str(folder / "predicted"), *trust])
    commands.append(["report", run, "--out", str(folder / "report.html"), *trust])
    return [spell(*command) for command in commands]


def spell(tool: str, *arguments: str) -> str:
    """Return a command with its arguments quoted for a shell."""
    return f"{tool_command(tool)} {shlex.join(arguments)}"


def next_lines(commands: Sequence[str]) -> str:
    """Format commands as lines that begin with ``Next:``."""
    return "\n".join(f"{'' if i else 'Next:':6}{one}" for i, one in enumerate(commands))


def _needs_trust(folder: Path) -> bool:
    """Return whether the settings of a run name modules of the user, which must be trusted."""
    try:
        with trust_checkpoints(False):
            cfg = read_run_config(folder)
    except (ValueError, OSError):
        return True
    return bool((cfg.get("custom_imports") or {}).get("imports"))


def _first_image(dataset: Any) -> str | None:
    """Return an image file of a data set, relative to the current folder if it is inside."""
    try:
        path = Path(dataset.get_data_info(0)["img_path"])
    except (AttributeError, IndexError, KeyError, TypeError):
        return None
    return short(path) if path.is_file() else None
