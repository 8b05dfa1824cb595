# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC 2012 with a second crop of every unlabeled image, pasted by CutMix as in the paper."""

_base_ = "./voc.py"

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
