# SPDX-License-Identifier: Apache-2.0
"""Polyps in endoscopy at half size: crops of 129 px, 4 labeled and 4 unlabeled images per batch.

A config sets `split`. The class names are read from DATA_ROOT/classes.txt.
"""

_base_ = "./camvid.py"

train_dataloader = dict(num_workers=1, dataset=dict(dataset=dict(data_root="data/kvasir")))
val_dataloader = dict(num_workers=1, dataset=dict(data_root="data/kvasir"))
val_evaluator = dict(foreground=True)
_base_.train_dataloader.dataset.labeled_pipeline[0].cache = 100
_base_.train_dataloader.dataset.labeled_pipeline[1].scale = (0.4, 0.7)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].scale = (0.4, 0.7)
_base_.val_dataloader.dataset.pipeline.insert(1, dict(type="mmcv.Resize", scale_factor=0.5))
