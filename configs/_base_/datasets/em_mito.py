# SPDX-License-Identifier: Apache-2.0
"""Mitochondria in electron microscopy: crops of 129 px, 4 labelled and 4 unlabelled in a batch.

Images are seen at about half their size, at which a crop holds a mitochondrion and what is around
it; a microscope has one magnification, so sizes hardly vary. Mitochondria cover about 5% of the
pixels, and 7 of 10 crops hold 2% of them or more: labelled crops need not be chosen for them.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=4, unlabeled=4),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(
            type="FolderDataset",
            data_root="data/em_mito",
            metainfo=dict(
                classes=("background", "mitochondrion"), palette=[(0, 0, 0), (255, 160, 0)]
            ),
        ),
        labeled="splits/labeled_2.txt",
        unlabeled="splits/unlabeled.txt",
        labeled_pipeline=[
            dict(type="LoadSample", cache=2),
            dict(type="RandomResizeCropFlip", crop_size=129, scale=(0.4, 0.625)),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadSample", cache=22),
            dict(type="RandomResizeCropFlip", crop_size=129, scale=(0.4, 0.625)),
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
        type="FolderDataset",
        data_root="data/em_mito",
        ann_file="splits/val.txt",
        metainfo=dict(classes=("background", "mitochondrion"), palette=[(0, 0, 0), (255, 160, 0)]),
        pipeline=[
            dict(type="LoadSample"),
            dict(type="mmcv.Resize", scale_factor=0.5),
            dict(type="PackEval"),
        ],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SegmentationMetric", per_class=True, foreground=True)
