# SPDX-License-Identifier: Apache-2.0
"""The config files of the repository, for tests of all of them."""

import ast
from copy import deepcopy
from functools import cache
from pathlib import Path

from mmengine.config import Config

FOLDER = Path(__file__).parents[2] / "configs"


@cache
def _read(name: str) -> Config:
    return Config.fromfile(FOLDER / f"{name}.py")


def load(name: str) -> Config:
    """The config ``METHOD/NAME``, as a copy to change; its file is read once."""
    return deepcopy(_read(name))


def docstring(name: str) -> str:
    """What the file of that config says at its top."""
    return ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text())) or ""
