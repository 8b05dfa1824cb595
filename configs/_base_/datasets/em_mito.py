# SPDX-License-Identifier: Apache-2.0
"""Mitochondria in electron microscopy: crops of 129 px, 4 labeled and 4 unlabeled images per batch.

The images are used at about half size. A crop then shows a mitochondrion and its surroundings. A
microscope has one magnification, so the scale hardly varies. About 5% of the pixels are
mitochondria, and 7 of 10 crops contain at least 2% of them, so no crop needs to be chosen for them.
"""

_base_ = "./camvid.py"

metainfo = dict(classes=("background", "mitochondrion"), palette=[(0, 0, 0), (255, 160, 0)])
train_dataloader = dict(
    dataset=dict(
        dataset=dict(data_root="data/em_mito", metainfo=metainfo),
        labeled="splits/labeled_2.txt",
        unlabeled="splits/unlabeled.txt",
    )
)
val_dataloader = dict(dataset=dict(data_root="data/em_mito", metainfo=metainfo))
val_evaluator = dict(foreground=True)
_base_.train_dataloader.dataset.labeled_pipeline[0].cache = 2
_base_.train_dataloader.dataset.labeled_pipeline[1].scale = (0.4, 0.625)
_base_.train_dataloader.dataset.unlabeled_pipeline[0].cache = 22
_base_.train_dataloader.dataset.unlabeled_pipeline[1].scale = (0.4, 0.625)
_base_.val_dataloader.dataset.pipeline.insert(1, dict(type="mmcv.Resize", scale_factor=0.5))
del metainfo
