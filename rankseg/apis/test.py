# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a checkpoint."""

import json
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import init_default_scope

from rankseg.apis.checks import check_classes
from rankseg.datasets.checks import check_masks
from rankseg.engine.runner import StrictRunner
from rankseg.registry import DATASETS


def test(
    cfg: Config,
    checkpoint: str,
    *,
    out: str | None = None,
    show_dir: str | None = None,
) -> dict[str, float]:
    """Evaluate a checkpoint on the config's test set.

    Args:
        cfg: From :func:`rankseg.apis.load_config`.
        checkpoint: File of a method or of a plain segmentor.
        out: JSON file for the numbers.
        show_dir: Folder for overlays: image, truth, prediction side by side.

    Returns:
        mIoU, mDice, accuracy and the numbers of every class, in percent.

    Raises:
        ValueError, FileNotFoundError: If config, data or checkpoint are not right.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(f"checkpoint {checkpoint} does not exist")
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    check_masks(dataset, limit=50)
    check_classes(cfg, dataset)
    cfg = cfg.copy()
    cfg.work_dir = str(Path(cfg.work_dir) / "test")  # leaves the config of the training run alone
    cfg.model.pretrained = None
    cfg.load_from = None
    cfg.resume = False
    cfg.test_evaluator.per_class = True
    for key in ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"):
        cfg[key] = None
    for key in ("val_dataloader", "val_cfg", "val_evaluator"):
        cfg[key] = None
    cfg.custom_hooks = []
    if show_dir is not None:
        cfg.custom_hooks = [dict(type="OverlayHook", out_dir=show_dir)]
    runner = StrictRunner.from_cfg(cfg)
    runner.load_checkpoint(checkpoint)
    metrics = runner.test()
    if out is not None and is_main_process():
        result = {"config": cfg.config_file, "checkpoint": checkpoint, **metrics}
        path = Path(out)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(result, indent=1) + "\n")
        partial.replace(path)
    return metrics
