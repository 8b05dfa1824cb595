# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC 2012 with 21 classes: crops of 513 px, 8 labeled and 8 unlabeled images per batch.

A config sets `split`, a folder in DATA_ROOT/splits with labeled.txt and unlabeled.txt. The batch
is that of all processes: with N processes, divide the counts by N.
"""

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=8, unlabeled=8),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="VOCDataset", data_root="data/VOCdevkit/VOC2012"),
        labeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=513),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=513),
            dict(type="StrongViews"),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="VOCDataset",
        data_root="data/VOCdevkit/VOC2012",
        ann_file="splits/val.txt",
        pipeline=[dict(type="LoadSample"), dict(type="PackEval")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SegmentationMetric")
