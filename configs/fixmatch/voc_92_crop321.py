# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labelled images, crops of 321 px.

Run:   python tools/train.py configs/fixmatch/voc_92_crop321.py
Paper: mIoU not given for this crop, which is that of the released UniMatch.
Ours:  not run.
"""

_base_ = "./voc_92.py"

train_dataloader = dict(
    dataset=dict(
        labeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=321, scale=(0.5, 2.0), flip=0.5),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=321, scale=(0.5, 2.0), flip=0.5),
            dict(type="StrongViews", num=1),
            dict(type="PackViews", labeled=False),
        ],
    )
)
