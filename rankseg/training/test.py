# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a checkpoint."""

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process, master_only
from mmengine.registry import init_default_scope

from rankseg.engine.distributed import start_processes
from rankseg.engine.runner import StrictRunner
from rankseg.evaluation.metric import RunMetric
from rankseg.models.segmentors.extended_segmentor import check_inserted_weights
from rankseg.models.weights.checkpoint_file import missing_checkpoint
from rankseg.training.config_source import check_values
from rankseg.training.device_checks import check_deterministic, why_no_gpu
from rankseg.training.test_set import build_test_set
from rankseg.training.validation import check_classes, check_metrics, is_embedding, is_image_level
from rankseg.training.work_folder import check_work_dir
from rankseg.utils.atomic_file import write_json
from rankseg.utils.terminal import notify, quiet_terminal
from rankseg.utils.threads import limit_threads


def test(
    cfg: Config,
    checkpoint: str,
    *,
    out: str | None = None,
    show_dir: str | None = None,
    verbose: bool = False,
) -> dict[str, float]:
    """Evaluate a checkpoint on the test set of a config.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.
        checkpoint: Checkpoint file of a method or of a plain segmentor.
        out: JSON file for the results. For a classifier it includes ``confusion``, the number of
            images by true class (row) and predicted class (column) in the order of ``classes``.
        show_dir: New or empty folder for pictures. For segmentation each shows an image, its ground
            truth and its prediction side by side; for a classifier one page shows the images,
            misclassified ones first.
        verbose: Show all log messages on the terminal, which otherwise only the log file has.

    Returns:
        Metrics in percent: mIoU, mDice, accuracy and per-class values for segmentation; top-1,
            top-5 and per-class accuracy for a classifier; Recall@K for an embedding network.

    Raises:
        ValueError, FileNotFoundError: If config, data or checkpoint are invalid.
    """
    if show_dir is not None:
        _check_show_dir(cfg, show_dir)
    start_processes(cfg)
    with quiet_terminal(verbose) as terminal:
        try:
            return _test(cfg, checkpoint, out, show_dir)
        finally:
            if terminal is not None:
                terminal.end_progress()


def _test(cfg: Config, checkpoint: str, out: str | None, show_dir: str | None) -> dict[str, float]:
    """Evaluate a checkpoint; arguments and result as in :func:`test`."""
    init_default_scope(cfg.get("default_scope", "rankseg"))
    if not Path(checkpoint).is_file():
        raise missing_checkpoint(checkpoint)
    dataset = build_test_set(cfg)
    dataset.check_samples(limit=50)
    check_classes(cfg, dataset)
    check_metrics(cfg.get("test_evaluator"), dataset)
    check_deterministic(cfg)
    if is_main_process() and (sentence := why_no_gpu()):
        notify(f"note: {sentence}")
    cfg = cfg.copy()
    cfg.work_dir = str(Path(cfg.work_dir) / "test")  # keeps the config saved by the training run
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
        hook = "ContactSheetHook" if is_image_level(cfg) else "OverlayHook"
        cfg.custom_hooks = [dict(type=hook, out_dir=show_dir)]
    check_values(cfg.to_dict(), cfg.get("config_file", ""))  # including values set later
    runner = StrictRunner.from_cfg(cfg)
    runner.load_checkpoint(checkpoint)
    check_inserted_weights(runner.model, checkpoint)
    limit_threads("current")
    metrics = runner.test()
    result = {"config": cfg.config_file, "checkpoint": checkpoint, **metrics}
    for metric in runner.test_loop.evaluator.metrics:
        if isinstance(metric, RunMetric) and metric.confusion is not None:
            result["classes"] = list(metric.dataset_meta["classes"])
            result["confusion"] = metric.confusion.tolist()
    write_result(out, result)
    return metrics


def _check_show_dir(cfg: Config, show_dir: str) -> None:
    if is_embedding(cfg):
        raise ValueError(
            "Expected a config that predicts masks or classes for --show-dir, but got an embedding "
            "network. Use tools/retrieve.py to draw what it retrieves."
        )
    check_work_dir(show_dir, "folder of pictures", "--show-dir")
    if os.path.isdir(show_dir) and (found := os.listdir(show_dir)):
        raise ValueError(
            f"Expected --show-dir {show_dir} to be a new or empty folder, but it contains "
            f"{min(found)}. Set another folder."
        )


@master_only
def write_result(out: str | None, result: dict) -> None:
    """Write results atomically to a JSON file, if one is given."""
    if out is None:
        return
    write_json(out, result)
