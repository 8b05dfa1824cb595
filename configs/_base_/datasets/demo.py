# SPDX-License-Identifier: Apache-2.0
"""The generated demo set in VOC layout: 7 classes, crops of 97 px, 4 labelled and 4 unlabelled.

Strong views are milder than those of the papers: in images of 120 x 160 px a blur of 2 px wipes out
textures, and hue tells classes apart.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=4, unlabeled=4),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="FolderDataset", data_root="data/demo/seed0"),
        split="few",
        labeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=97, scale=(0.75, 1.5)),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=97, scale=(0.75, 1.5)),
            dict(
                type="StrongViews",
                transforms=[
                    dict(
                        type="ColorJitter",
                        brightness=0.5,
                        contrast=0.5,
                        saturation=0.5,
                        hue=0.08,
                        p=0.8,
                    ),
                    dict(type="ToGray", p=0.2),
                    dict(type="GaussianBlur", sigma_limit=(0.1, 0.8), blur_limit=0, p=0.5),
                ],
            ),
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
        data_root="data/demo/seed0",
        ann_file="splits/val.txt",
        pipeline=[dict(type="LoadSample"), dict(type="PackEval")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SegmentationMetric", per_class=True)
