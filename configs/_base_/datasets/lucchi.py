# SPDX-License-Identifier: Apache-2.0
"""Mitochondria of the Lucchi set: crops of 321 px, 4 labelled and 4 unlabelled in a batch.

tools/dataset_converters/lucchi.py writes the folder; a config adds the name of its split. The class
names are read from DATA_ROOT/classes.txt, so that stacks of one's own do as well. Mitochondria are
rare: a labelled crop is drawn again, a few times at most, until 2% of it are foreground.

Sizes and whole images in tests are those of the paper's other sets; for this one it names neither.
On sections of another microscope a small network was better with ``scale=(0.8, 1.25)``, no choice
of crops, and windows as large as the crops that overlap by half (docs/results.md, lucchi_small.py).
Here that is ``scale=(0.8, 1.25)`` in both pipelines, no ``min_foreground``, and
``model.student.test_cfg=dict(mode="slide", crop_size=(321, 321), stride=(160, 160))``.
"""

palette = [(0, 0, 0), (255, 160, 0)]
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=4, unlabeled=4),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="FolderDataset", data_root="data/lucchi", metainfo=dict(palette=palette)),
        labeled_pipeline=[
            dict(type="LoadSample", cache=20),
            dict(type="RandomResizeCropFlip", crop_size=321, min_foreground=0.02),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=321),
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
        data_root="data/lucchi",
        ann_file="splits/val.txt",
        metainfo=dict(palette=palette),
        pipeline=[dict(type="LoadSample"), dict(type="PackEval")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SegmentationMetric", per_class=True, foreground=True)
del palette
