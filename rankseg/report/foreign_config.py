# SPDX-License-Identifier: Apache-2.0
"""Check of the classes that the settings of an untrusted run may name.

mmengine calls any function of any package that ``type`` names. Reading settings as data is
therefore not enough if a network is built from them. Only networks and data sets are allowed.
"""

import importlib
from collections.abc import Iterator

from mmengine.config import Config
from mmengine.registry import Registry, root

from rankseg import registry
from rankseg.models.weights.checkpoint_file import trusts_checkpoints
from rankseg.report.run_folder import Run
from rankseg.training.config_source import texts
from rankseg.utils.config_nodes import nodes
from rankseg.utils.safe_text import printable

SCOPES = ("rankseg", "mmseg", "mmcv", "mmengine")
BUILT = ("model", "val_dataloader")
"""Parts of a config from which pages and pictures build objects."""
LIMITED = ("mmseg", "mmcv", "mmengine", "torch")
ALLOWED = (
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
"""Modules with classes that only compute, and open no file named by their arguments."""
REFUSED = ("TIMMBackbone", "VPD")
"""Classes in these modules that load files written by other packages."""
PICKLED = (".pkl", ".pickle", ".yaml", ".yml")
"""Endings of files that mmengine reads in ways that can execute code."""
CURE = "If you trust its author, use --trust-checkpoint."


def settings_to_build(run: Run) -> Config:
    """Return the settings of a run if building from them cannot execute untrusted code.

    After :func:`~rankseg.engine.resilience.checkpoint.trust_checkpoints` nothing is refused, and
    the modules in ``custom_imports`` of the config are imported.

    Args:
        run: Run from :func:`rankseg.report.run_folder.read_runs`.

    Raises:
        ValueError: If the settings were not read, or name anything but networks and data sets.
        ImportError: If a module of ``custom_imports`` is missing.
    """
    cfg = run.config
    if run.unread:
        raise ValueError(run.unread)
    if trusts_checkpoints():
        for name in (cfg.get("custom_imports") or {}).get("imports", ()):
            importlib.import_module(name)
        return cfg
    for fault in _faults(cfg):
        raise ValueError(f"Did not build run {run.name}: its settings {fault}. {CURE}")
    return cfg


def _faults(cfg: Config) -> Iterator[str]:
    """Yield the settings that must not be built from."""
    for name in BUILT:
        part = cfg.get(name)
        if part is not None and not isinstance(part, dict):
            yield f"have a {name} that is not a dict"
        for where, node in nodes(part, name):
            scope = node.get("_scope_")
            if scope is not None and scope not in SCOPES:
                yield f"name a package with {where}._scope_={_shown(scope)}"
            if "type" in node and not may_build(node["type"]):
                yield (
                    f"name {where}.type={_shown(node['type'])}, which is not a network or data set "
                    "of rankseg or mmseg"
                )
        for where, text in texts(part, name):
            if text.lower().endswith(PICKLED):
                yield f"name the file {_shown(text)} in {where}, which could run code when read"
    if cfg.get("default_scope", "rankseg") not in SCOPES:
        yield f"name the package default_scope={_shown(cfg.default_scope)}"


def _shown(value: object) -> str:
    return repr(printable(str(value))[:80])


def may_build(name: object) -> bool:
    """Return whether ``type`` names a registered class that only computes.

    Example:
        >>> may_build("EncoderDecoder"), may_build("os.system"), may_build("LoadImageFromFile")
        (True, False, False)
    """
    if not isinstance(name, str):
        return False
    scope, _, short = name.rpartition(".")
    if (scope and scope not in SCOPES) or short in REFUSED:
        return False
    found = [one for tree in _registries() if (one := tree.module_dict.get(short)) is not None]
    return bool(found) and all(map(_computes, found))


def _computes(found: object) -> bool:
    module = str(getattr(found, "__module__", ""))
    return module.split(".")[0] not in LIMITED or module.startswith(ALLOWED)


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
