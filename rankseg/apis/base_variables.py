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
    stray = [key for key in cfg if key not in read]
    files = [Path(path), *base_files(path)] if stray else []
    for file, name in ((file, name) for file in files for name in stray if name in assigned(file)):
        source = next((base for base in base_files(file) if name in assigned(base)), None)
        if source is None or any(name in Config.fromfile(base) for base in bases(file)):
            continue  # nobody's else, or a file may still have use for it
        value = cfg[name]
        keys = set(value) if value and isinstance(value, dict) else {name}
        places = [
            where for where, node in nodes(dict(cfg)) if where not in ("", name) and keys <= {*node}
        ]
        where = f", which looks like `_base_.{places[0]}.{min(keys)} = ...`" if places else ""
        raise ValueError(
            f"config {file} sets {name!r}, a variable of {source} that a file between the two has "
            f"used already, so that nothing would change: set it where it went{where}"
        )


def bases(path: str | Path) -> list[Path]:
    """The files that a config names in ``_base_``, without those of other packages."""
    if Path(path).suffix != ".py":
        return []
    names = Config._get_base_files(str(path))
    found = [Path(os.path.normpath(Path(path).parent / name)) for name in names]
    return [base for base in found if base.is_file()]


def base_files(path: str | Path) -> Iterator[Path]:
    """All files that a config builds on, near ones first."""
    for base in bases(path):
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
