# SPDX-License-Identifier: Apache-2.0
"""RankMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labelled images, mixed with itself.

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
                    dict(type="RandomResizeCropFlip", crop_size=513),
                    dict(type="StrongViews"),
                ],
            ),
            dict(type="PackViews", labeled=False),
        ]
    )
)
