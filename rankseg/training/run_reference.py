# SPDX-License-Identifier: Apache-2.0
"""Run folders in place of a config and a checkpoint: ``RUN``, ``RUN/last`` or ``RUN/best``.

The settings in a run folder are read as data and never executed.
"""

import re
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from rankseg.engine.resilience.checkpoint_hook import BEST, LAST
from rankseg.models.weights.checkpoint_file import describe_checkpoints
from rankseg.training.follow_length import FOLLOWED
from rankseg.training.foreign_config import settings_to_build
from rankseg.training.run_options import without_trackers
from rankseg.training.saved_config import read_saved_config
from rankseg.utils.link_file import follow_link
from rankseg.utils.run_arguments import parse_run
from rankseg.utils.run_log import starts

_ITERATION = re.compile(r"iter_(\d+)\.pth")
_BEST = re.compile(r"best_.+_iter_(\d+)\.pth")


class Trained(NamedTuple):
    """Settings and weights of a run.

    Attributes:
        config: Settings of its last start, as :func:`rankseg.apis.load_config` returns them.
        checkpoint: Checkpoint file.
    """

    config: Config
    checkpoint: str


def read_run_config(folder: Path) -> Config:
    """Read the settings of the last start of a run.

    Settings of how the run began, such as the checkpoint that it resumed from, are left out.
    """
    files = [file for start in starts(folder) if (file := start / "vis_data/config.py").is_file()]
    if not files:
        below = sorted({str(path.parents[2]) for path in folder.glob("*/*/vis_data/config.py")})
        inside = f" It contains the runs {', '.join(below[:5])}." if below else ""
        raise FileNotFoundError(
            f"Expected {folder} to be the work folder of a run, with TIME/vis_data/config.py, "
            f"which training writes when it starts, but it has none.{inside} Name a run folder or "
            "a config file."
        )
    try:
        cfg = read_saved_config(files[-1])
    except ValueError as error:
        raise ValueError(
            f"Expected {files[-1]} to contain the settings that training saves when it starts, but "
            f"could not read them ({error}). Name the config and the checkpoint instead."
        ) from error
    without_trackers(cfg)  # each start of a run says where it logs to
    cfg = settings_to_build(cfg, str(folder), whole=True)
    cfg.config_file = str(cfg.get("config_file") or files[-1])
    cfg.work_dir = str(folder)
    cfg.pop(FOLLOWED, None)  # the values are those of the run now
    cfg.load_from, cfg.resume, cfg.launcher = None, False, "none"
    return cfg


def find_checkpoint(reference: str | Path, which: str | None = None) -> str:
    """Return the checkpoint file of ``RUN``, ``RUN/last``, ``RUN/best``, or the given file.

    ``which`` is ``"last"``, ``"best"``, or the name of a file. Default: what the reference names,
    or the best checkpoint, or if there is none the last one.
    """
    run = parse_run(reference)
    if run is None:
        return str(reference)
    which = which or run.which
    if which not in (None, "last", "best"):
        return str(_file_of(run.folder, which))
    found = None
    if which != "last":
        found = _linked(run.folder / BEST) or _newest(run.folder, _BEST)
    if found is None and which != "best":
        found = _newest(run.folder, _ITERATION) or _linked(run.folder / LAST)
    if found is None:
        name = "a checkpoint" if which is None else f"a {which} checkpoint"
        raise FileNotFoundError(
            f"Expected run {run.folder} to have {name}, but {describe_checkpoints(run.folder)}."
        )
    return str(found)


def checkpoint_of(config: str | Path | Config, checkpoint: str | Path | None) -> str:
    """Return the checkpoint file; by default that of the run."""
    if checkpoint is not None:
        return find_checkpoint(checkpoint)
    if isinstance(config, Config) or parse_run(config) is None:
        raise ValueError(
            "Expected a checkpoint with a config, but got none. Name one, or name the work folder "
            "of a run in place of the config."
        )
    return find_checkpoint(config)


def _file_of(folder: Path, name: str) -> Path:
    """Return a checkpoint by its path, or by its name in a run folder."""
    for path in (Path(name), folder / name):
        if path.is_file():
            return path
    raise FileNotFoundError(f"Checkpoint {name} does not exist: {describe_checkpoints(folder)}.")


def _linked(link: Path) -> Path | None:
    """Return the file that a link leads to, or the file itself; None if there is none."""
    file = follow_link(link)
    return file if file.is_file() else None


def _newest(folder: Path, pattern: re.Pattern) -> Path | None:
    found = [
        (int(name[1]), file) for file in folder.iterdir() if (name := pattern.fullmatch(file.name))
    ]
    return max(found)[1] if found else None
