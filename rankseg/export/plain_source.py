# SPDX-License-Identifier: Apache-2.0
"""Classes of ours as source files that need mmseg alone."""

import ast
import inspect
import re
from types import ModuleType

from mmengine.config import Config

from rankseg.registry import MODELS
from rankseg.utils.config_nodes import nodes

_REGISTRY = re.compile(r"^from rankseg\.registry import (\w+)$", re.MULTILINE)


def is_ours(name: object) -> bool:
    """Whether a ``type`` of a model config is a class of this package."""
    cls = MODELS.get(name) if isinstance(name, str) else None
    return cls is not None and cls.__module__.split(".")[0] == "rankseg"


def modules_of(model: dict) -> dict[str, ModuleType]:
    """Modules of all classes of ours in a model config, by the name of the file they go to."""
    found = {}
    for _, node in nodes(model):
        if is_ours(node.get("type")):
            module = inspect.getmodule(MODELS.get(node["type"]))
            found[f"mmseg_{module.__name__.split('.')[-1]}"] = module
    return found


def plain_source(module: ModuleType) -> str:
    """Source of a module whose classes register with mmseg instead of with this package.

    Raises:
        ValueError: If the module needs more of this package than its registry.
    """
    source = _REGISTRY.sub(r"from mmseg.registry import \1", inspect.getsource(module))
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["rankseg" if node.level else node.module]
        if any(name.split(".")[0] == "rankseg" for name in names):
            raise ValueError(
                f"{module.__name__} cannot be given away as one file, since line {node.lineno} "
                f"imports {', '.join(names)}: expected a module that needs rankseg.registry alone"
            )
    return source


def plain_model(model: Config) -> tuple[dict, list[str]]:
    """A copy of a model config without our scope, and with losses that mmseg has.

    Returns:
        The config, and the names of the losses that were replaced by the cross-entropy.
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
