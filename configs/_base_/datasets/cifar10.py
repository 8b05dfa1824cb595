# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 with the augmentation of FixMatch: 64 labeled and 448 unlabeled images per batch.

The unlabeled images are all training images, including the labeled ones. A config sets `split`,
which `tools/make_splits.py labels --val-share 0` draws. Tested once, at the end.
"""

train_dataloader = dict(
    batch_size=512,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=64, unlabeled=448),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="CIFAR10Dataset", data_root="data/cifar10"),
        include_labeled=True,
        labeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="DrawViews", weak="flip_crop", size=32),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="DrawViews", weak="flip_crop", strong="fixmatch", size=32),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CIFAR10Dataset",
        data_root="data/cifar10",
        part="test",
        pipeline=[dict(type="LoadImage"), dict(type="PackEval")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="ClassificationMetric")
