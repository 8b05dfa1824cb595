# SPDX-License-Identifier: Apache-2.0
"""Check of the classes that the settings of an untrusted run may name.

mmengine calls any function of any package that ``type`` names. Reading settings as data is
therefore not enough if objects are built from them. Only networks, data sets and metrics are
allowed, and for a run that continues also optimizers, schedules, hooks and loops.
"""

import importlib
import importlib.util
from collections.abc import Iterator

import albumentations
from albumentations import BaseCompose, BasicTransform
from mmengine.config import Config
from mmengine.registry import Registry, root

from rankseg import registry
from rankseg.datasets.transforms import operations
from rankseg.models.weights.checkpoint_file import trusts_checkpoints
from rankseg.training.config_source import texts
from rankseg.utils.config_nodes import nodes
from rankseg.utils.safe_text import printable

SCOPES = ("rankseg", "mmseg", "mmcv", "mmengine")
BUILT = ("model", "val_dataloader")
"""Parts of a config from which pages and pictures build objects."""
COMPUTED = (
    *BUILT,
    "train_dataloader",
    "test_dataloader",
    "val_evaluator",
    "test_evaluator",
)
"""Parts that contain networks, data sets and metrics only."""
LIMITED = ("mmseg", "mmcv", "mmengine", "torch")
ALLOWED = (
    "mmseg.datasets.transforms.transforms.Resize",
    "mmseg.models.backbones.",
    "mmseg.models.data_preprocessor",
    "mmseg.models.decode_heads.",
    "mmseg.models.losses.",
    "mmseg.models.necks.",
    "mmseg.models.segmentors.",
    "mmseg.structures.",
    "mmcv.cnn.",
    "mmcv.ops.",
    "mmcv.transforms.formatting",
    "mmcv.transforms.processing",
    "mmcv.transforms.wrappers",
    "mmengine.dataset.",
    "mmengine.model.",
    "torch.nn.",
)
"""Classes, or modules of classes, that only compute and open no file named by their arguments."""
OF_RUNS = (
    "mmengine.hooks.",
    "mmengine.optim.",
    "mmengine.runner.loops",
    "mmengine.runner.log_processor",
    "mmengine.visualization.visualizer",
    "torch.optim.",
)
"""Modules with further classes that the other parts of a config may name."""
NAMED = ("LocalVisBackend", "TensorboardVisBackend")
"""Further classes for these parts, which send nothing to a server."""
REFUSED = ("TIMMBackbone", "VPD", "WandbTracker", "MlflowTracker")
"""Classes that load files written by other packages, or send data to a server."""
PICKLED = (".pkl", ".pickle", ".yaml", ".yml")
"""Endings of files that mmengine reads in ways that can execute code."""
CURE = "If you trust its author, use --trust-checkpoint."


def settings_to_build(cfg: Config, name: str, whole: bool = False) -> Config:
    """Return the settings of a run if building from them cannot execute untrusted code.

    After :func:`~rankseg.engine.resilience.checkpoint.trust_checkpoints` nothing is refused, and
    the modules in ``custom_imports`` of the config are imported. A run that is tested or continued
    needs the ``whole`` check; others need that of the parts that pages and pictures are built from.
    """
    if trusts_checkpoints():
        modules = (cfg.get("custom_imports") or {}).get("imports") or ()
        for module in [modules] if isinstance(modules, str) else modules:
            importlib.import_module(module)
        return cfg
    for fault in _faults(cfg, whole):
        own = (cfg.get("custom_imports") or {}).get("imports")
        cure = f"It imports {printable(str(own))[:80]}. {CURE}" if own else CURE
        raise ValueError(f"Did not build run {name}: its settings {fault}. {cure}")
    return cfg


def _faults(cfg: Config, whole: bool) -> Iterator[str]:
    """Yield the settings that must not be built from."""
    for name in cfg.keys() if whole else BUILT:
        part, strict = cfg.get(name), name in COMPUTED
        if part is None or (not strict and not isinstance(part, dict | list | tuple)):
            continue
        if strict and not isinstance(part, dict):
            yield f"have a {name} that is not a dict"
        for where, node in nodes(part, name):
            if where == "optim_wrapper.clip_grad":  # its type is not that of a class
                continue
            scope = node.get("_scope_")
            if scope is not None and scope not in SCOPES:
                yield f"name a package with {where}._scope_={_shown(scope)}"
            if name.endswith("dataloader") and is_operation(node.get("type")):
                continue
            if "type" in node and not may_build(node["type"], of_run=not strict):
                kinds = "network or data set" if strict else "class of a training run"
                yield (
                    f"name {where}.type={_shown(node['type'])}, which is not a {kinds} "
                    "of rankseg or mmseg"
                )
        for where, text in texts(part, name):
            if text.lower().endswith(PICKLED):
                yield f"name the file {_shown(text)} in {where}, which could run code when read"
    if cfg.get("default_scope", "rankseg") not in SCOPES:
        yield f"name the package default_scope={_shown(cfg.default_scope)}"


def _shown(value: object) -> str:
    return repr(printable(str(value))[:80])


def may_build(name: object, of_run: bool = False) -> bool:
    """Return whether ``type`` names a registered class that only computes, or a part ``of_run``.

    >>> may_build("EncoderDecoder"), may_build("os.system"), may_build("LoadImageFromFile")
    (True, False, False)
    """
    if not isinstance(name, str):
        return False
    scope, _, short = name.rpartition(".")
    if (scope and scope not in SCOPES) or short in REFUSED:
        return False
    found = [one for tree in _registries() if (one := tree.module_dict.get(short)) is not None]
    allowed = (*ALLOWED, *OF_RUNS) if of_run else ALLOWED
    named = NAMED if of_run else ()
    return bool(found) and all(short in named or _computes(one, allowed) for one in found)


def is_operation(name: object) -> bool:
    """Return whether ``type`` names an albumentations transform in a recipe of a pipeline.

    mmengine imports a module of the name if it expects another class there, so a name that is also
    that of a module is refused.

    >>> is_operation("HorizontalFlip"), is_operation("Compose.x"), is_operation("imread")
    (True, False, False)
    """
    if not isinstance(name, str) or not name.isidentifier():
        return False
    kind = getattr(albumentations, name, None) or getattr(operations, name, None)
    known = isinstance(kind, type) and issubclass(kind, BasicTransform | BaseCompose)
    return known and importlib.util.find_spec(name) is None


def _computes(found: object, allowed: tuple[str, ...]) -> bool:
    name = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
    return name.split(".")[0] not in LIMITED or name.startswith(allowed)


def _registries() -> Iterator[Registry]:
    """Yield all registries after importing their modules."""
    for one in vars(registry).values():
        if isinstance(one, Registry):
            one.import_from_location()
            yield from filter(None, (one, one.parent))
    for one in vars(root).values():
        if isinstance(one, Registry):
            yield from _tree(one)


def _tree(top: Registry) -> Iterator[Registry]:
    yield top
    for child in top.children.values():
        yield from _tree(child)
