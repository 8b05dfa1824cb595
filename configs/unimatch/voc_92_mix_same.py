# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images, mixed with itself.

Mixes as the released code does: it predicts a second crop of the same image and pastes it, which
needs a third forward pass. `voc_92.py` pastes another image of the batch.
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
