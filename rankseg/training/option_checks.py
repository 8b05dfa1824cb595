# SPDX-License-Identifier: Apache-2.0
"""Checks of the options that a config gives to the classes it names."""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from rankseg import registry as registries
from rankseg.utils.config_nodes import nodes

NAMES = {
    bool: "True, False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a dict",
    type(None): "None",
}
KINDS = {Sequence: list, tuple: list, Mapping: dict}
ANY = {*NAMES}
LOADER = "_dataloader"
VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
SPELLED = {"true", "false", "yes", "no", "on", "off", "y", "n", "t", "f", "1", "0", "none", ""}
"""Texts that stand for a boolean, in lower case."""
SWITCHES = {
    "auto_scale_lr.enable",
    "env_cfg.cudnn_benchmark",
    "find_unused_parameters",
    "log_processor.by_epoch",
    "optim_wrapper.paramwise_cfg.bypass_duplicate",
    "randomness.deterministic",
    "randomness.diff_rank_seed",
    "train_cfg.by_epoch",
}
"""Booleans that the runner reads from dicts without a type."""


def check_options(cfg: Config) -> None:
    """Check the options of every class in the config.

    Classes of rankseg must have every option, and its value must have the annotated type. Booleans
    of other classes and of the runner are checked, too. This matters because every text counts as
    true, even ``"no"``. An option without annotation that is a boolean by default may have other
    values, such as ``add_extra_convs="on_input"`` of a feature pyramid. It must not be a text that
    stands for a boolean.

    Raises:
        ValueError: If an option does not exist or has another type.
    """
    _check_types("", cfg, Runner)
    for where, node in nodes(cfg._cfg_dict.to_dict()):
        if where.endswith(LOADER):
            _check_types(where, node, DataLoader)
        for key, value in node.items():
            name = f"{where}.{key}".removeprefix(".")
            if name in SWITCHES:
                _check_value(name, value, {bool, type(None)})
        kind = node.get("type")
        if not isinstance(kind, str):
            continue
        _check_node(where, node, kind)
        for key, part in getattr(class_of(kind), "PARTS", {}).items():
            inner = node.get(key)
            if isinstance(inner, dict) and "type" not in inner:
                _check_node(f"{where}.{key}", inner, part)


def class_of(name: Any) -> type | None:
    """Return the class registered under a name in rankseg, or None."""
    for registry in _registries():
        found = registry.module_dict.get(name)
        if found is not None:
            return found
    return None


@functools.cache
def parameters_of(cls: type) -> Mapping[str, set[type]]:
    """Return the keyword arguments of a class, following ``**kwargs`` to its bases.

    Returns:
        For each name the types of its values, keys of :data:`NAMES`; none if values of another type
        are possible.
    """
    found: dict[str, set[type]] = {}
    for base, parameters in signatures(cls):
        own = base.__module__.partition(".")[0] == "rankseg"
        hints = _hints(base.__init__) if own else {}
        for one in parameters:
            kinds = _kinds(hints[one.name]) if one.name in hints else _foreign_kinds(one)
            found.setdefault(one.name, kinds)
    return found


def signatures(cls: type) -> Iterator[tuple[type, list[inspect.Parameter]]]:
    """Yield the named arguments of a class, then those of the bases that get its ``**kwargs``."""
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        _, *parameters = inspect.signature(base.__init__).parameters.values()
        yield (
            base,
            [one for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)],
        )
        if not any(one.kind == one.VAR_KEYWORD for one in parameters):
            break


def _registries() -> list[Registry]:
    """Return the registries of rankseg with their classes."""
    found = [
        registry
        for registry in vars(registries).values()
        if isinstance(registry, Registry) and registry.scope == "rankseg"
    ]
    for registry in found:
        registry.import_from_location()
    return found


def _foreign_class(name: str) -> Any:
    """Return what is registered under a name in a package that rankseg builds on, or None.

    The name may start with the scope of its registry: ``mmseg.ResNet``. Unlike ``Registry.get``,
    this imports no package that the name mentions.
    """
    for registry in (*_registries(), *registries.PLAIN):
        while registry is not None:
            found = registry.module_dict.get(name.removeprefix(f"{registry.scope}."))
            if found is not None:
                return found
            registry = registry.parent
    return None


def _hints(function: Callable) -> dict[str, Any]:
    """Return the annotations of a function; none if one has a name of ``TYPE_CHECKING``."""
    try:
        return get_type_hints(function)
    except NameError:
        return {}


def _foreign_kinds(parameter: inspect.Parameter) -> set[type]:
    """Return the types of an option of another package; see :func:`parameters_of`."""
    hint = parameter.annotation
    if hint in (bool, "bool"):
        return {bool, type(None)}
    return ANY if isinstance(parameter.default, bool) or bool in get_args(hint) else set()


def _kinds(hint: Any) -> set[type]:
    """Return the types of an annotation; see :func:`parameters_of`."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    origins = [get_origin(member) or member for member in members]
    kinds = {KINDS.get(origin, origin) for origin in origins}
    return kinds if kinds <= NAMES.keys() else set()


def _check_node(where: str, node: dict, kind: str) -> None:
    """Check the options of one class; see :func:`check_options`."""
    cls = class_of(kind)
    if cls is None:
        foreign = _foreign_class(kind)
        if inspect.isclass(foreign):
            _check_types(where, node, foreign)
        return
    if not inspect.isclass(cls):
        return
    known = parameters_of(cls)
    for key in node:
        if key not in known.keys() | {"type", "_scope_"}:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"Expected {where}.{key} to be an option of {kind}, one of "
                f"{', '.join(sorted(known))}.{hint}"
            )
    _check_types(where, node, cls)


def _check_types(where: str, node: Mapping, cls: type) -> None:
    """Check the types of the options of one class; see :func:`check_options`."""
    for key, kinds in parameters_of(cls).items():
        if key in node and kinds:
            _check_value(f"{where}.{key}".removeprefix("."), node[key], kinds)


def _check_value(name: str, value: Any, kinds: set[type]) -> None:
    """Check the type of one option; see :func:`check_options`."""
    if value is None and kinds != {bool}:  # it can stand for a value that is filled in later
        return
    if bool in kinds and isinstance(value, str) and value.lower() in SPELLED:
        kinds = {bool}
    elif any(_is_a(value, kind) for kind in kinds):
        return
    wanted = ", ".join(text for kind, text in NAMES.items() if kind in kinds)
    wanted = " or ".join(wanted.rsplit(", ", 1))
    raise ValueError(f"Expected {name} to be {wanted}, but got {value!r}.")


def _is_a(value: Any, kind: type) -> bool:
    """Return whether a value can be used as one of a type in :data:`NAMES`."""
    if kind is bool:
        return isinstance(value, bool | np.bool_) or (_is_number(value) and value in (0, 1))
    if kind is str:
        return isinstance(value, str | PathLike)
    if kind is int:  # 1e3 is a float
        return _is_number(value) and (isinstance(value, Integral) or float(value).is_integer())
    if kind is float:
        return _is_number(value)
    if kind is list:  # also an array
        return not isinstance(value, Mapping | str | Real | np.bool_)
    return isinstance(value, Mapping if kind is dict else kind)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
