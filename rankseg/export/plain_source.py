# SPDX-License-Identifier: Apache-2.0
"""Conversion of classes of this package to source files that only need mmseg."""

import ast
import inspect
import re
from types import ModuleType

from mmengine.config import Config

from rankseg.errors import expect
from rankseg.models.backbones.staged import INIT
from rankseg.registry import MODELS
from rankseg.utils.config_nodes import nodes

_TINY = (("from rankseg.models.tiny import TinyPart\n", ""), ("(TinyPart, ", "("))
"""The mixin for ``--tiny``, which only training uses."""
_COPIED = (
    ("from rankseg.errors import expect\n", f"\n\n{inspect.getsource(expect)}\n"),
    ("from rankseg.models.backbones.staged import INIT\n", f"\nINIT = {INIT!r}\n"),
)
"""Imports from this package, and the definitions that replace them in the exported file."""
_REGISTRY = re.compile(r"^from rankseg\.registry import (\w+)$", re.MULTILINE)


def is_ours(name: object) -> bool:
    """Return whether a ``type`` of a model config is a class of this package."""
    cls = MODELS.get(name) if isinstance(name, str) else None
    return cls is not None and cls.__module__.split(".")[0] == "rankseg"


def modules_of(model: dict) -> dict[str, ModuleType]:
    """Return the modules of this package that a model config uses, by exported file name."""
    found = {}
    for _, node in nodes(model):
        if is_ours(node.get("type")):
            module = inspect.getmodule(MODELS.get(node["type"]))
            found[f"mmseg_{module.__name__.split('.')[-1]}"] = module
    return found


def plain_source(module: ModuleType) -> str:
    """Return the source of a module, rewritten to register its classes with mmseg.

    Raises:
        ValueError: If the module uses more of this package than its registry.
    """
    source = _REGISTRY.sub(r"from mmseg.registry import \1", inspect.getsource(module))
    for text, replacement in _TINY + _COPIED:
        source = source.replace(text, replacement)
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["rankseg" if node.level else node.module]
        if any(name.split(".")[0] == "rankseg" for name in names):
            raise ValueError(
                f"Expected {module.__name__} to import only rankseg.registry of this package, but "
                f"line {node.lineno} imports {', '.join(names)}. It cannot be exported as one file."
            )
    return source


def plain_model(model: Config) -> tuple[dict, list[str]]:
    """Copy a model config without our scope, and with losses that mmseg provides.

    Returns:
        The config, and the names of the losses that were replaced by cross-entropy.
    """
    replaced: list[str] = []

    def copy(value, key=None):
        if isinstance(value, dict):
            kind = value.get("type")
            if key == "loss_decode" and is_ours(kind):
                replaced.append(kind)
                return dict(type="CrossEntropyLoss", avg_non_ignore=True)
            items = {name: copy(item, name) for name, item in value.items()}
            if isinstance(kind, str):
                items["type"] = kind.removeprefix("rankseg.").removeprefix("mmseg.")
            return items
        if isinstance(value, list | tuple):
            return type(value)(copy(item, key) for item in value)
        return value

    return copy(model), replaced
