# SPDX-License-Identifier: Apache-2.0
"""Short training run on class folders, for tests of hooks that relabel images."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from rankseg.engine.runner import StrictRunner
from rankseg.models.methods import Method


def run_classes(
    root: Path,
    work_dir: Path,
    *,
    model: dict,
    hooks: Sequence[dict],
    train: dict,
    metric: str,
    iters: int,
    every: int,
    resume: str | None = None,
    load: str | None = None,
) -> Method:
    """Train in this process on ``train/CLASS`` and ``test/CLASS``; return the trained method."""
    init_default_scope("rankseg")
    preprocessor = dict(type="ViewPreprocessor", mean=[60.0] * 3, std=[30.0] * 3)
    cfg = Config(
        dict(
            default_scope="rankseg",
            model=dict(data_preprocessor=preprocessor, **model),
            optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.02)),
            custom_hooks=[dict(type="StepSeedHook"), dict(type="EMATeacherHook"), *hooks],
            default_hooks=dict(
                checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=every)
            ),
            randomness=dict(seed=0),
            log_level="WARNING",
            work_dir=str(work_dir),
            load_from=resume or load,
            resume=resume is not None,
            experiment_name=f"{work_dir.name}_{resume is None}",
            train_cfg=dict(type="PassTrainLoop", max_iters=iters, val_interval=100),
            train_dataloader=dict(collate_fn=dict(type="collate_views"), **train),
            val_cfg=dict(type="ValLoop"),
            val_evaluator=dict(type=metric),
            val_dataloader=dict(
                batch_size=3,
                sampler=dict(type="DefaultSampler", shuffle=False),
                dataset=dict(
                    type="ClassFolderDataset",
                    data_root=str(root),
                    folder="test",
                    pipeline=[dict(type="LoadImage"), dict(type="PackEval")],
                ),
            ),
        )
    )
    runner = StrictRunner.from_cfg(cfg)
    runner.train()
    return runner.model
