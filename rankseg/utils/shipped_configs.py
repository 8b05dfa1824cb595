# SPDX-License-Identifier: Apache-2.0
"""Configs that come with the package."""

import difflib
import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def configs_folder() -> Path:
    """Return the folder of the configs: that of the checkout, or else that of the package."""
    checkout = PACKAGE.parent / "configs"
    return checkout if (checkout / "_base_").is_dir() else PACKAGE / "configs"


def find_config(path: str) -> str:
    """Return the path of a config file; a file that does not exist is looked up in the package.

    ``rankmatch/voc_92.py``, ``configs/rankmatch/voc_92.py`` and ``rankmatch/voc_92`` name the same
    shipped config. If one is used, a line on standard error says so.
    """
    if Path(path).is_file():
        return path
    folder, name = configs_folder(), Path(path)
    if not name.is_absolute():
        inside = name.relative_to("configs") if name.parts[:1] == ("configs",) else name
        for found in (folder / inside, folder / f"{inside}.py"):
            if found.is_file() and found.resolve().is_relative_to(folder.resolve()):
                if os.environ.get("RANK", "0") == "0":  # one line, not one per process
                    print(f"Using the config {found}, which comes with rankseg.", file=sys.stderr)
                return str(found)
    known = [str(one) for one in Path("configs").rglob("*.py")]
    known += [one.relative_to(folder).as_posix() for one in folder.glob("[!_]*/*.py")]
    near = difflib.get_close_matches(path, known, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise FileNotFoundError(f"Config {path} does not exist, neither here nor in {folder}.{hint}")
