# SPDX-License-Identifier: Apache-2.0
"""CUB-200-2011 for retrieval: trains on 100 classes without their labels, tests on 100 others.

The short side becomes 256 px. Training uses crops of 227 px and mirrors them, testing uses the
center. A config sets sampler and batch.
"""

shrink = dict(type="SmallestMaxSize", max_size=256, area_for_downscale="image")
crop = dict(type="RandomCrop", height=227, width=227)
flip = dict(type="HorizontalFlip", p=0.5)

train_dataloader = dict(
    num_workers=8,
    persistent_workers=True,
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="CUBDataset", data_root="data/CUB_200_2011"),
        empty="labeled",
        unlabeled="",
        test_classes="new",  # none of them may be trained on
        labeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="DrawViews", weak=[shrink, crop, flip]),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="DrawViews", weak=[shrink, crop, flip]),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CUBDataset",
        data_root="data/CUB_200_2011",
        part="test",
        pipeline=[
            dict(type="LoadImage"),
            dict(type="ResizeCenter", size=227, share=227 / 256),
            dict(type="PackEval"),
        ],
        test_mode=True,
    ),
)
del shrink, crop, flip
