# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ R-18 from random weights, the generated demo set.

Run:   python tools/train.py configs/fixmatch/demo.py
Paper: not in the paper.
Ours:  `make demo` writes work_dirs/demo/results.md.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18.py",
    "../_base_/datasets/demo.py",
    "../_base_/schedules/demo.py",
    "../_base_/default_runtime.py",
]

model = dict(type="FixMatch", student=dict(decode_head=dict(num_classes=7)), threshold=0.95)
train_dataloader = dict(
    dataset=dict(
        split="few",
        unlabeled_pipeline=[
            dict(type="LoadSample"),
            dict(type="RandomResizeCropFlip", crop_size=97, scale=(0.5, 2.0), flip=0.5),
            dict(type="StrongViews", num=1),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
