# SPDX-License-Identifier: Apache-2.0
"""Variables of _base_ files: what a file of one's own cannot change any more."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from rankseg.apis.nodes import nodes


def check_variables(path: str | Path, cfg: Config, read: set[str]) -> None:
    """Refuse to set what a ``_base_`` file has put somewhere else already: nothing would change.

    Base files have parts under names of their own, such as ``clusters``, which the config that
    names them moves to their place. A file that builds on that config comes too late for them.

    Args:
        path: The config file.
        cfg: What it came to.
        read: Top-level keys that are read; others are variables.

    Raises:
        ValueError: Naming the variable, the base file and where the part went.
    """
    for name in (key for key in cfg if key not in read):
        source = next((base for base in base_files(path) if name in assigned(base)), None)
        if source is None:
            continue
        value = cfg[name]
        keys = set(value) if value and isinstance(value, dict) else {name}
        places = [
            where for where, node in nodes(dict(cfg)) if where not in ("", name) and keys <= {*node}
        ]
        where = f", which looks like `_base_.{places[0]}.{min(keys)} = ...`" if places else ""
        raise ValueError(
            f"config {path} sets {name!r}, a variable of {source} that a file between the two has "
            f"used already, so that nothing would change: set it where it went{where}"
        )


def base_files(path: str | Path) -> Iterator[Path]:
    """All files that a config builds on, near ones first."""
    if Path(path).suffix != ".py":
        return
    for name in Config._get_base_files(str(path)):
        base = Path(os.path.normpath(Path(path).parent / name))
        if base.is_file():  # not one of another package, `mmseg::...`
            yield base
            yield from base_files(base)


def assigned(path: Path) -> set[str]:
    """Names that a config file assigns."""
    return {
        target.id
        for line in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    }
