# SPDX-License-Identifier: Apache-2.0
"""Config loading with the overrides of the command line."""

import copy
import difflib
import inspect
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from rankseg.training.config_source import check_values
from rankseg.training.follow_length import FOLLOWED, choose_length, follow_length
from rankseg.training.option_checks import check_options, class_of, parameters_of
from rankseg.training.run_reference import read_run_config
from rankseg.utils.config_nodes import nodes
from rankseg.utils.run_arguments import parse_run
from rankseg.utils.shipped_configs import find_config

READ = {*inspect.signature(Runner).parameters} - {"cfg"}
READ |= {"sync_bn", "activation_checkpointing", "find_unused_parameters", FOLLOWED}
"""Top-level keys that the runner and the tools read. Other keys are variables of config files."""
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def load_config(
    path: str,
    *,
    data_root: str | None = None,
    split_root: str | None = None,
    split: str | None = None,
    work_dir: str | None = None,
    seed: int | None = None,
    iterations: int | None = None,
    options: dict[str, Any] | None = None,
) -> Config:
    """Read a config file and apply the common options of the tools.

    Args:
        path: Config file. A file that does not exist is looked up among the configs of the
            package: ``rankmatch/voc_92.py``. Or the work folder of a run, whose saved settings are
            read as data.
        data_root: Folder of the data set, in place of the one in the config.
        split_root: Folder of the split lists, in place of ``<data_root>/splits``.
        split: Name of the split to train on, in place of the one in the config.
        work_dir: Folder that the run writes to. By default
            ``work_dirs/<folder of the config>/<its name>``, followed by ``_split_<split>`` if a
            split is given. For a run, its folder.
        seed: Seed of weights, data order and augmentation.
        iterations: Length of the run, the same as the option ``train_cfg.max_iters``. Warm-up,
            ramp, schedules and intervals follow it, see
            :func:`~rankseg.training.follow_length.follow_length`.
        options: Further keys to override, ``{"a.b.c": value}``.

    Raises:
        FileNotFoundError: If the config, or a base file that it names, does not exist.
        ValueError: If the config is not valid Python, a class of rankseg gets an option that it
            does not have, an option has the wrong type, an override sets a key that nothing reads,
            or a string contains ``{{``.
    """
    run = parse_run(path)
    if run is None:
        path = find_config(path)
        cfg = _read_file(path)
    else:
        cfg = read_run_config(run.folder)
    if seed is not None:
        cfg.merge_from_dict({"randomness.seed": seed})
    name = Path(path).resolve()
    own = cfg.get("work_dir") or f"work_dirs/{name.parent.name}/{name.stem}"
    if split is not None:
        own = f"{own}_split_{_choose_split(cfg, split).replace('/', '_')}"
    cfg.work_dir = work_dir or own
    for node in datasets_of(cfg):
        if data_root is not None and node.get("type") != "SemiDataset":
            node.data_root = data_root
        if split_root is not None:
            _move_lists(node, Path(split_root).absolute())
    options = dict(options or {})
    if iterations is not None:
        options["train_cfg.max_iters"] = iterations
    before = dict(cfg.get("train_cfg") or {})
    if options:
        check_keys(cfg, options)
        choose_length(cfg, options)
        test = {key: value for key, value in options.items() if key.startswith("test_")}
        cfg.merge_from_dict({key: options[key] for key in options if key not in test})
        _copy_validation(cfg)
        cfg.merge_from_dict(test)
    follow_length(cfg, before, options)
    _finish(cfg)
    check_values(cfg._cfg_dict.to_dict(), path)
    check_options(cfg)
    return cfg


def _read_file(path: str) -> Config:
    """Read a config file and its base files; see :func:`load_config`."""
    try:
        cfg = Config.fromfile(path)
    except SyntaxError as error:
        where = f"line {error.lineno}" if error.lineno else "somewhere"
        raise ValueError(
            f"Expected config {path} and its _base_ files to be valid Python, but got {error.msg} "
            f"({where})."
        ) from error
    except FileNotFoundError as error:
        base = error.filename or error
        raise FileNotFoundError(
            f"Config {path} names a file in _base_ that does not exist: {base}."
        ) from error
    cfg.config_file = str(path)
    return cfg


def _choose_split(cfg: Config, split: str) -> str:
    """Set the split to train on and return its name.

    Validation lists in the folder of the old split are replaced by those of the new split.
    """
    train = cfg.train_dataloader.dataset
    old = train.get("split")
    if old is None:
        raise ValueError(
            f"Expected a config with train_dataloader.dataset.split for --split {split}, but got "
            "one that names its lists by 'labeled' and 'unlabeled'. Set these with --cfg-options"
        )
    train.split = split
    for node in datasets_of(cfg):
        ann_file = str(node.get("ann_file") or "")
        if ann_file.startswith(f"splits/{old}/"):
            node.ann_file = f"splits/{split}/{ann_file.removeprefix(f'splits/{old}/')}"
    return split


def _move_lists(node: dict, split_root: Path) -> None:
    """Read the lists of a data set from another folder than ``<data_root>/splits``."""
    if node.get("type") == "SemiDataset":
        node["split_root"] = str(split_root)
    for key in ("ann_file", "labeled", "unlabeled"):
        parts = Path(str(node.get(key) or "")).parts
        if parts[:1] == ("splits",):
            node[key] = str(split_root.joinpath(*parts[1:]))


def _copy_validation(cfg: Config) -> None:
    """Copy the validation settings to the test settings that the config does not set."""
    for part in ("dataloader", "evaluator"):
        if cfg.get(f"test_{part}") is None and cfg.get(f"val_{part}") is not None:
            cfg[f"test_{part}"] = copy.deepcopy(cfg[f"val_{part}"])


def _finish(cfg: Config) -> None:
    """Fill in the settings that follow from other settings."""
    _copy_validation(cfg)
    seed = cfg.get("randomness", {}).get("seed")
    if seed is not None:
        if seed < 0:
            raise ValueError(f"Expected the seed to be 0 or more, but got {seed}.")
        cfg.train_dataloader.dataset.setdefault("seed", seed)
    for name in LOADERS:
        if cfg.get(name) and cfg[name].get("num_workers", 0) == 0:
            cfg[name].persistent_workers = False


def check_keys(cfg: Config, options: dict[str, Any]) -> None:
    """Check that every command-line option starts with a key that is read."""
    known = READ | cfg.keys()
    for option in options:
        key = option.split(".")[0]
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Keys are {', '.join(sorted(known))}."
            if key in parameters_of(class_of(cfg.model.type) or object):
                hint = f"Did you mean 'model.{option}'?"
            raise ValueError(f"The config has no key {key!r} for --cfg-options {option}. {hint}")


def datasets_of(cfg: Config) -> list[dict]:
    """Return every data set config inside the loaders."""
    return [
        node
        for loader in LOADERS
        for where, node in nodes(cfg.get(loader), loader)
        if where.endswith(".dataset")
    ]
