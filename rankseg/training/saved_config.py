# SPDX-License-Identifier: Apache-2.0
"""Reader for the saved config of a run, which never executes it."""

import ast
from pathlib import Path
from typing import Any

from mmengine.config import Config

LARGEST = 16 * 2**20  # bytes; saved configs usually have some thousands
NUMBERS = {"inf": float("inf"), "nan": float("nan")}
"""Values that mmengine writes as bare names, which Python does not define."""


class NotDataError(ValueError):
    """Part of a saved config that is not a plain value."""


def read_saved_config(path: str | Path) -> Config:
    """Read a config written by mmengine's ``Config.dump``: names with literals or ``dict(...)``.

    A class, such as ``torch.nn.GELU``, becomes its dotted name.
    """
    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise NotDataError(f"it is larger than {LARGEST >> 20} MB")
    try:
        tree = ast.parse(path.read_bytes())
        return Config(_shaped(dict(_assigned(line) for line in tree.body)))
    except (SyntaxError, RecursionError, MemoryError, KeyError) as error:  # for a reserved name
        raise NotDataError(f"{type(error).__name__} while reading it") from error


def _assigned(line: ast.stmt) -> tuple[str, Any]:
    """Return the name and the value assigned in a statement."""
    if isinstance(line, ast.Assign) and len(line.targets) == 1:
        (target,) = line.targets
        if isinstance(target, ast.Name) and not target.id.startswith("__"):
            return target.id, _value(line.value)
    raise NotDataError(f"line {line.lineno} is not an assignment of a value")


def _value(node: ast.expr) -> Any:
    """Return the value of an expression."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        if len(node.args) == 1 and not node.keywords and isinstance(node.args[0], ast.Dict):
            return _value(node.args[0])  # dict with keys that are not identifiers
        if not node.args and all(one.arg is not None for one in node.keywords):
            return {one.arg: _value(one.value) for one in node.keywords}
    elif isinstance(node, ast.Dict) and None not in node.keys:
        keys = [_key(key) for key in node.keys]
        return dict(zip(keys, map(_value, node.values), strict=True))
    elif isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    elif isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    elif isinstance(node, ast.Set):
        return {_key(item) for item in node.elts}
    return _single(node)


def _key(node: ast.expr) -> Any:
    value = _single(node)
    return value if value.__hash__ else repr(value)


def _single(node: ast.expr) -> Any:
    """Return the value of an expression without parts."""
    if isinstance(node, ast.Constant) and node.value is not Ellipsis:
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _single(node.operand)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return -value
    if isinstance(node, ast.Name) and node.id in NUMBERS:
        return NUMBERS[node.id]
    name = _dotted(node)
    if name is None:
        raise NotDataError(f"line {node.lineno} contains more than values")
    return name


def _dotted(node: ast.expr) -> str | None:
    """Return a name such as ``torch.nn.GELU`` or ``int`` as a string, or None."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


DICTS = ("randomness", "train_cfg", "train_dataloader", "val_dataloader", "test_dataloader")
"""Optional parts of a config that pages read besides the model."""


def _shaped(values: dict[str, Any]) -> dict[str, Any]:
    """Check that the parts of a config that pages read have the expected types."""
    model = values.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("type"), str):
        raise NotDataError("it has no model with a type")
    for name in DICTS:
        if not isinstance(values.get(name), dict | None):
            raise NotDataError(f"{name} is not a dict")
        if not isinstance((values.get(name) or {}).get("dataset", {}), dict):
            raise NotDataError(f"{name}.dataset is not a dict")
    if not isinstance((values.get("train_cfg") or {}).get("max_iters"), int | None):
        raise NotDataError("train_cfg.max_iters is not a number")
    hooks = values.get("custom_hooks") or []
    if not isinstance(hooks, list | tuple) or not all(map(_is_hook, hooks)):
        raise NotDataError("custom_hooks is not a list of hooks")
    return values


def _is_hook(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("type"), str) and isinstance(value.get("key", ""), str)
