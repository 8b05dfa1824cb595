# SPDX-License-Identifier: Apache-2.0
"""Smoke test that shrinks any config to two iterations on a CPU."""

import copy
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from rankseg.datasets.standin.segmentation import make_standin
from rankseg.engine.built import build_method
from rankseg.models.methods import Method
from rankseg.registry import DATASETS, HOOKS, MODELS
from rankseg.training.config import LOADERS, datasets_of
from rankseg.training.network_checks import check_model, crop_of, fits, shapes_of
from rankseg.training.validation import is_image_level
from rankseg.utils.config_nodes import nodes

ITERATIONS = 2
CROP = 65
OTHER_CROPS = (64, 96, 128)  # for networks that take no 65 px, or need more features
GRID = 4  # cells of an assembly on a map of 5 x 5 positions
MEMORY = 64


def check_original(cfg: Config) -> Method:
    """Check crop, number of agents and weights at their original sizes, before they are shrunk.

    Returns:
        The method, with small memory banks.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    cfg = copy.deepcopy(cfg)
    cfg.model.pretrained = None
    MODELS.get(cfg.model.type).shrink_memory(cfg.model)
    cfg.model.update({key: MEMORY for key in ("bank_size", "num_images") if cfg.model.get(key)})
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
        if fits(side, cells, model.student.decode_head.align_corners):
            return side, cells
    return CROP, GRID + 1


def make_tiny(cfg: Config, work_dir: str | None = None, standin: bool = True) -> Config:
    """Shrink a config to two iterations, two validation images and one checkpoint.

    Crops (except for a classifier), batches and the number of agents become small, and data loading
    uses no workers. Missing ImageNet weights are replaced by random ones, and a missing data set by
    generated stand-in images in the same folder layout. All other settings stay unchanged.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`, changed in place.
        work_dir: Folder to write to; ``work_dirs/tiny/...`` by default.
        standin: Whether to use stand-in images if the data set is missing.
    """
    model = check_original(cfg)
    cfg.work_dir = work_dir or str(Path("work_dirs/tiny", *Path(cfg.work_dir).parts[-2:]))
    assembly = any(node.get("type") == "SpatialAssembly" for _, node in nodes(cfg._cfg_dict))
    own = is_image_level(cfg) or assembly  # an assembly needs maps of one size
    side, cells = (CROP, GRID + 1) if own else tiny_crop(model, cfg)
    crops = "" if is_image_level(cfg) else f"crops of {side} px, "
    print_log(f"--tiny: {ITERATIONS} iterations, {crops}2 images of a kind", "current")
    for _, node in nodes(cfg._cfg_dict):
        if crops and "crop_size" in node:
            node["crop_size"] = side if isinstance(node["crop_size"], int) else (side, side)
            if "stride" in node:
                node["stride"] = (side * 2 // 3,) * 2
        if crops and node.get("type") == "SpatialAssembly":
            node["grid"] = GRID
    if standin and any(
        not Path(node.data_root).is_dir() for node in datasets_of(cfg) if "data_root" in node
    ):
        root = make_standin(cfg)
        print_log(f"data set is absent: using generated stand-in images in {root}", "current")
        sizes = {"bank_size": "num_labeled", "num_images": "num_unlabeled"}
        if sizes := {key: of for key, of in sizes.items() if key in cfg.model}:
            train = DATASETS.build(cfg.train_dataloader.dataset)
            cfg.model.update({key: getattr(train, of) for key, of in sizes.items()})
    cfg.auto_scale_lr = None
    cfg.train_dataloader.batch_size = _shrink_batch(cfg.train_dataloader.sampler)
    for name in filter(cfg.get, LOADERS):  # a config that only trains has no other loaders
        cfg[name].num_workers = 0
        cfg[name].persistent_workers = False
        if name != "train_dataloader":
            cfg[name].dataset.indices = 2
    if cfg.model.get("pretrained") and not Path(cfg.model.pretrained).is_file():
        print_log(f"{cfg.model.pretrained} is absent: random weights", "current")
        cfg.model.pretrained = None
    if cfg.get("load_from") and not cfg.get("resume") and not Path(cfg.load_from).is_file():
        print_log(f"{cfg.load_from} is absent: random weights", "current")
        cfg.load_from = None
    type(model).make_tiny(cfg.model, cells)
    hooks = cfg.get("custom_hooks") or []  # evaluating features would load every image
    cfg.custom_hooks = [hook for hook in hooks if hook.type != "FeatureEvaluationHook"]
    small = [hook for hook in cfg.custom_hooks if hasattr(HOOKS.get(hook.type), "make_tiny")]
    if small:
        num_labeled = DATASETS.build(cfg.train_dataloader.dataset).num_labeled
        for hook in small:
            HOOKS.get(hook.type).make_tiny(hook, num_labeled)
    schedulers = cfg.get("param_scheduler") or []
    schedulers = [schedulers] if isinstance(schedulers, dict) else schedulers
    cfg.param_scheduler = [one for one in schedulers if one.get("begin", 0) < ITERATIONS]
    cfg.train_cfg = dict(type="PassTrainLoop", max_iters=ITERATIONS, val_interval=ITERATIONS)
    cfg.default_hooks.logger.interval = 1
    cfg.default_hooks.checkpoint.interval = ITERATIONS
    return cfg


def _shrink_batch(sampler: dict) -> int:
    """Shrink a sampler to 2 images of a kind, or of 2 classes each, and return its batch size."""
    if "classes" in sampler:
        sampler.update(classes=2, images=2)
        return 4
    sampler.update(labeled=min(2, sampler["labeled"]), unlabeled=2)
    return sampler["labeled"] + (0 if sampler.get("labeled_only") else 2)
