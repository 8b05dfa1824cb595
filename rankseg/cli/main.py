# SPDX-License-Identifier: Apache-2.0
"""The command ``rankseg``, which runs one of the tools."""

import ast
import difflib
import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path

from rankseg.utils.commands import COMMANDS, console_names
from rankseg.version import __version__

GROUPS = {
    "your images": ("new", "new-stack"),
    "train and use a network": ("train", "test", "predict"),
    "compare runs": ("report", "compare", "collect-results"),
    "try it without data": ("demo", "draw-stack", "fill-missing"),
    "lists of labeled images": ("make-splits", "pseudo-label"),
    "look into a network": (
        "evaluate-features",
        "retrieve",
        "match-images",
        "sample-map",
        "agent-maps",
        "attention-maps",
        "assembly-maps",
    ),
    "export": ("export-onnx", "to-mmseg", "to-safetensors", "unimatch"),
}


def summary(module: str) -> str:
    """Return the first line of the docstring of a tool, without importing it."""
    source = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    return inspect.cleandoc(ast.get_docstring(ast.parse(source)) or "").split("\n")[0]


def usage(prefix: str) -> str:
    """Return the help of the command: all tools with one line each.

    Args:
        prefix: How the user started the command, such as ``"rankseg"``.
    """
    lines = [
        f"usage: {prefix} COMMAND [options]",
        "",
        "Train segmentation networks and image classifiers with few labels.",
    ]
    width = max(map(len, COMMANDS))
    for title, names in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {name:{width}}  {summary(COMMANDS[name])}" for name in names]
    lines += [
        "",
        f"{prefix} COMMAND --help lists the options of a command.",
        "Configs that come with rankseg are found from any folder: "
        f"{prefix} train rankmatch/voc_92.py",
    ]
    return "\n".join(lines)


def module_of(name: str) -> str | None:
    """Return the module of a command, which may also be written like its file in ``tools``."""
    module = name.replace("-", "_")
    return COMMANDS.get(name) or (module if module in COMMANDS.values() else None)


def main(argv: Sequence[str] | None = None) -> int | None:
    """Run a command.

    Args:
        argv: Name of the command and its arguments. Default: those of the process.

    Returns:
        The exit status, None for success.
    """
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    module = module_of(name)
    with console_names() as prefix:
        if module is not None:
            return importlib.import_module(f"rankseg.cli.{module}").main(rest)
        if name in ("-h", "--help", "help"):
            print(usage(prefix))
            return None
    if name == "--version":
        print(f"rankseg {__version__}")
        return None
    near = difflib.get_close_matches(name, COMMANDS, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Run {prefix} --help for a list."
    print(f"error: Expected a command of rankseg, but got {name!r}. {hint}", file=sys.stderr)
    return 2
