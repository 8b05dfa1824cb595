# SPDX-License-Identifier: Apache-2.0
"""Commands in printed text, parsed by the tools that they name."""

import argparse
import importlib
import re
import shlex
from pathlib import Path

from rankseg.cli.main import module_of
from rankseg.utils.commands import COMMANDS


def printed_commands(text: str) -> list[list[str]]:
    """Return the commands in a text, split as a shell does: ``python tools/*.py``, ``rankseg``."""
    found = re.findall(r"(?:python \S*tools/\S+\.py|(?<![\w/.])rankseg [a-z-]+)[^\n]*", text)
    return [shlex.split(line) for line in found]


def parse_command(command: list[str]) -> tuple[str, argparse.Namespace]:
    """Parse a command with the parser of its tool; return the name and the arguments."""
    name = Path(command[1]).stem if command[0] == "python" else module_of(command[1])
    assert name in COMMANDS.values(), command
    return name, importlib.import_module(f"rankseg.cli.{name}").parse_args(command[2:])
