# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labelled images, mixed with itself.

Run:   python tools/train.py configs/rankmatch/voc_92_mix_same.py
Paper: mIoU 71.6 (Table 1).
Ours:  not run.

As the released code mixes: a second crop of the same image is predicted and pasted, which costs a
third forward pass. `voc_92.py` pastes another image of the batch.
"""

_base_ = "./voc_92.py"

model = dict(mix_source="same")
train_dataloader = dict(
    dataset=dict(
        unlabeled_pipeline=[
            dict(type="LoadSample"),
            dict(
                type="WithMix",
                transforms=[
                    dict(type="RandomResizeCropFlip", crop_size=513, scale=(0.5, 2.0), flip=0.5),
                    dict(type="StrongViews", num=2),
                ],
            ),
            dict(type="PackViews", labeled=False),
        ]
    )
)
