# SPDX-License-Identifier: Apache-2.0
"""ImageNet at 224 px, 64 labelled and 320 unlabelled images in a batch, views of MoCo v2.

All training images are unlabelled ones. A config names its split, which
`tools/make_splits.py labels --dataset folder` draws or, with `--labeled FILE`, takes from a list.
"""

train_dataloader = dict(
    batch_size=384,
    num_workers=16,
    persistent_workers=True,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=64, unlabeled=320),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="ClassFolderDataset", data_root="data/imagenet"),
        include_labeled=True,
        labeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="DrawViews", weak="resized_crop", size=224),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="DrawViews", weak="resized_crop", strong="moco_v2", size=224),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ClassFolderDataset",
        data_root="data/imagenet",
        folder="val",
        pipeline=[
            dict(type="LoadImage"),
            dict(type="ResizeCenter", size=224),
            dict(type="PackEval"),
        ],
        test_mode=True,
    ),
)
val_evaluator = dict(type="ClassificationMetric")
