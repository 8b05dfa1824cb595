# SPDX-License-Identifier: Apache-2.0
"""Polyps in endoscopy at half size: crops of 129 px, 4 labeled and 4 unlabeled in a batch.

A config adds the name of its split, a folder below DATA_ROOT/splits. The class names are read from
DATA_ROOT/classes.txt.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=4, unlabeled=4),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="FolderDataset", data_root="data/kvasir"),
        labeled_pipeline=[
            dict(type="LoadSample", cache=100),
            dict(type="RandomResizeCropFlip", crop_size=129, scale=(0.4, 0.7), flip=0.5),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=129, scale=(0.4, 0.7), flip=0.5),
            dict(type="StrongViews", num=2),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="FolderDataset",
        data_root="data/kvasir",
        ann_file="splits/val.txt",
        pipeline=[
            dict(type="LoadSample"),
            dict(type="mmcv.Resize", scale_factor=0.5),
            dict(type="PackEval"),
        ],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SegmentationMetric", per_class=True, foreground=True)
