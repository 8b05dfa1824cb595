# SPDX-License-Identifier: Apache-2.0
"""Config files of the repository, for tests that cover all of them."""

import functools
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from mmengine.config import Config

from rankseg.models.methods import Method
from rankseg.training.network_checks import Shapes, shapes_of
from rankseg.training.option_checks import class_of, signatures

FOLDER = Path(__file__).parents[2] / "configs"


_parse = functools.cache(Config._file2dict)


def _parse_once(*args: Any, **options: Any) -> tuple:
    return deepcopy(_parse(*args, **options))


@functools.cache
def _read(name: str) -> Config:
    """Read a config file, and each of its base files only once for all configs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "_file2dict", staticmethod(_parse_once))
        return Config.fromfile(FOLDER / f"{name}.py")


def load(name: str) -> Config:
    """Return a copy of the config ``METHOD/NAME``; its file is read only once."""
    return deepcopy(_read(name))


def resolved(name: str) -> Config:
    """Return a config in which every part also has the defaults of its class."""
    cfg = load(name)
    cfg._cfg_dict.update(_with_defaults(cfg._cfg_dict))
    return cfg


def _with_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("type") == "RankMatch":
            value["rank"] = {"type": "RankCorrelationLoss", **(value.get("rank") or {})}
        for key, default in _defaults(value.get("type")).items():
            value.setdefault(key, default)
        for key, inner in value.items():
            value[key] = _with_defaults(inner)
    elif isinstance(value, list):
        value[:] = [_with_defaults(inner) for inner in value]
    return value


@functools.cache
def _defaults(name: str | None) -> dict[str, Any]:
    """Collect the defaults of a class of ours; with ``**kwargs``, also those of its base class."""
    cls = class_of(name) if isinstance(name, str) else None
    found: dict[str, Any] = {}
    for _, parameters in signatures(cls) if inspect.isclass(cls) else ():
        for one in parameters:
            if one.default is not one.empty:
                found.setdefault(one.name, one.default)
    return found


_SHAPES: dict[tuple, Shapes] = {}


def shapes_once(student: dict) -> Callable[..., Shapes]:
    """Return a function like :func:`~rankseg.training.network_checks.shapes_of` with a memory.

    It tries every student on every crop once, for all configs and methods.
    """

    def found(
        model: Method, crop: Sequence[int], training: bool = False, full: bool = True
    ) -> Shapes:
        options = (training, full, model.feature_tap, model.feature_dropout)
        key = (repr(student), tuple(crop), *options)
        if key not in _SHAPES:
            _SHAPES[key] = shapes_of(model, crop, training, full)
        return _SHAPES[key]

    return found


_SEEN: set[str] = set()


def is_new(cfg: Config) -> bool:
    """Return True for the first config with these data sets and this kind of model.

    Configs that differ only in the split count as the same, since stand-in data fit every split.
    """
    train = cfg.train_dataloader.dataset
    parts = [{**train, "split": None}, cfg.val_dataloader.dataset, cfg.model.type]
    key = repr(parts)
    new = key not in _SEEN
    _SEEN.add(key)
    return new


@functools.cache
def metafiles() -> dict[str, dict]:
    """Return the entry of every config in ``configs/METHOD/metafile.yml``, by its name."""
    entries = [
        entry
        for file in sorted(FOLDER.glob("*/metafile.yml"))
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["Models"]
    ]
    return {entry["Name"]: entry for entry in entries}


def published(name: str, metric: str | None = None) -> str | None:
    """Return the number that a paper gives for a config, by default of the first metric."""
    metrics = metafiles()[name]["Results"][0].get("Metrics") or {}
    value = next(iter(metrics.values()), None) if metric is None else metrics.get(metric)
    return None if value is None else str(value)


def for_each(names: Iterable[str]) -> Callable[[Callable], Callable]:
    """Run a test of one config on many, with one test per method that names the failing config.

    Args:
        names: Names of configs. The test takes one as ``name``, and may take fixtures.
    """
    families = defaultdict(list)
    for name in names:
        families[name.split("/")[0]].append(name)

    def mark(check: Callable) -> Callable:
        @functools.wraps(check)
        def run(family: str, **fixtures: Any) -> None:
            for name in families[family]:
                try:
                    check(name, **fixtures)
                except Exception as error:
                    raise AssertionError(f"configs/{name}.py: {error}") from error

        signature = inspect.signature(check)
        parameters = [
            one.replace(name="family") if one.name == "name" else one
            for one in signature.parameters.values()
        ]
        run.__signature__ = signature.replace(parameters=parameters)
        del run.__wrapped__
        return pytest.mark.parametrize("family", sorted(families))(run)

    return mark
