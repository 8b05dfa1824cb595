# SPDX-License-Identifier: Apache-2.0
"""Smoke test that shrinks any config to two iterations on a CPU."""

import copy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from rankseg.datasets.base import dataset_class
from rankseg.datasets.standin import make_standin
from rankseg.engine.built import build_method
from rankseg.engine.hooks.base import RunHook
from rankseg.models.methods import Method
from rankseg.models.segmentors.padding import pad_multiple
from rankseg.models.tiny import TinyPart
from rankseg.registry import DATASETS, HOOKS, MODELS
from rankseg.training.config import LOADERS, datasets_of
from rankseg.training.follow_length import FOLLOWED
from rankseg.training.network_checks import check_model, crop_of, fits, shapes_of
from rankseg.training.option_checks import class_of
from rankseg.training.validation import is_image_level, sampler_class
from rankseg.utils.config_nodes import nodes
from rankseg.utils.terminal import notify

ITERATIONS = 2
CROP = 65
OTHER_CROPS = (64, 96, 128)  # for networks that take no 65 px, or need more features
CELLS = 5  # features along a side of 65 px, for the usual stride of 16
MEMORY = 64


def check_original(cfg: Config) -> Method:
    """Check crop, number of agents and weights at their original sizes, before they are shrunk.

    Returns:
        The method, with small memory banks.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    cfg = copy.deepcopy(cfg)
    cfg.model.pretrained = None
    kind = MODELS.get(cfg.model.type)
    kind.shrink_memory(cfg.model)
    kind.fit_memory(cfg.model, MEMORY, MEMORY)
    model = build_method(cfg).method
    check_model(model, cfg)
    return model


def tiny_crop(model: Method, cfg: Config) -> tuple[int, int]:
    """Return the side of a small crop that the student takes, and the number of features along it.

    The side is 65 px if the student takes it. Otherwise other sizes are tried, and the crop of the
    config last, as an encoder may take images of one size only.
    """
    crop = crop_of(cfg)
    for side in (CROP, *OTHER_CROPS, *(crop or ())):
        try:
            cells = shapes_of(model, (side, side), full=side not in OTHER_CROPS).size[0]
        except Exception:  # any exception: the code is that of mmseg or of the user
            continue
        pads = pad_multiple(model.student) > 1
        if pads or fits(side, cells, model.student.decode_head.align_corners):
            return side, cells
    return CROP, CELLS


def make_tiny(cfg: Config, work_dir: str | None = None, standin: bool = True) -> Config:
    """Shrink a config in place to two iterations, two validation images and one checkpoint.

    Crops (except for a classifier) and batches become small, and data loading uses no workers. The
    method, its parts, the sampler and the hooks shrink their own options. Missing ImageNet weights
    are replaced by random ones, and with ``standin`` a missing data set by generated images in the
    same folder layout. Without the file of matched images, all pairs are views of one image. All
    other settings stay unchanged. The run writes to ``work_dirs/tiny/...`` by default.
    """
    model = check_original(cfg)
    cfg.work_dir = work_dir or str(Path("work_dirs/tiny", *Path(cfg.work_dir).parts[-2:]))
    cells = None if is_image_level(cfg) else _shrink_crops(cfg, *tiny_crop(model, cfg))
    crops = "" if cells is None else " on small crops"
    notify(f"--tiny: {ITERATIONS} iterations{crops} with 2 images of each kind")
    missing = any(
        not Path(node.data_root).is_dir() for node in datasets_of(cfg) if "data_root" in node
    )
    if standin and missing:
        root = make_standin(cfg)
        notify(f"The data set is missing. Using generated stand-in images in {root}")
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    if standin and missing:
        type(model).fit_memory(cfg.model, dataset.num_labeled, dataset.num_unlabeled)
    _shrink_loaders(cfg)
    _drop_missing_weights(cfg)
    _drop_missing_matches(cfg, standin and missing)
    _shrink_parts(cfg, cells, dataset)
    schedulers = cfg.get("param_scheduler") or []
    schedulers = [schedulers] if isinstance(schedulers, dict) else schedulers
    cfg.param_scheduler = [one for one in schedulers if one.get("begin", 0) < ITERATIONS]
    cfg.auto_scale_lr = None
    cfg.pop(FOLLOWED, None)
    cfg.train_cfg = dict(type="PassTrainLoop", max_iters=ITERATIONS, val_interval=ITERATIONS)
    cfg.default_hooks.logger.interval = 1
    cfg.default_hooks.checkpoint.interval = ITERATIONS
    return cfg


def _shrink_crops(cfg: Config, side: int, cells: int) -> int:
    """Set the side of all crops and windows; return the number of features along it."""
    for _, node in nodes(cfg._cfg_dict):
        if "crop_size" in node:
            node["crop_size"] = side if isinstance(node["crop_size"], int) else (side, side)
            if "stride" in node:
                node["stride"] = (side * 2 // 3,) * 2
    return cells


def _shrink_loaders(cfg: Config) -> None:
    """Shrink batches and validation, and load data without workers."""
    loader = cfg.train_dataloader
    loader.batch_size = sampler_class(cfg).make_tiny(loader.sampler)
    for name in filter(cfg.get, LOADERS):  # a config that only trains has no other loaders
        cfg[name].num_workers = 0
        cfg[name].persistent_workers = False
        if name != "train_dataloader":
            dataset_class(cfg[name].dataset.type).make_tiny(cfg[name].dataset)


def _drop_missing_weights(cfg: Config) -> None:
    """Start from random weights instead of files that do not exist."""
    weights = [(cfg.model, "pretrained")] + ([] if cfg.get("resume") else [(cfg, "load_from")])
    for node, key in weights:
        if node.get(key) and not Path(node[key]).is_file():
            notify(f"{node[key]} is missing. Starting from random weights")
            node[key] = None


def _drop_missing_matches(cfg: Config, others: bool) -> None:
    """Train without matched images if their file does not exist or is for other images."""
    for _, node in nodes(cfg.train_dataloader):
        if node.get("matches") and (others or not Path(node["matches"]).is_file()):
            notify(f"{node['matches']} is missing. Training without pairs of different images")
            node["matches"] = None


def _shrink_parts(cfg: Config, cells: int | None, dataset: Any) -> None:
    """Let the method, its parts and the hooks shrink their own options."""
    for _, node in nodes(cfg.model):
        kind = class_of(node.get("type"))
        if isinstance(kind, type) and issubclass(kind, TinyPart):
            kind.make_tiny(node, cells)
    kept = []
    for hook in cfg.get("custom_hooks") or []:
        kind = HOOKS.get(hook.type) if isinstance(hook.type, str) else hook.type
        ours = isinstance(kind, type) and issubclass(kind, RunHook)
        kept.append(kind.make_tiny(hook, dataset) if ours else hook)
    cfg.custom_hooks = [hook for hook in kept if hook is not None]
