# SPDX-License-Identifier: Apache-2.0
"""Cityscapes with a second crop of every unlabeled image, pasted by CutMix as in the paper."""

_base_ = "./cityscapes.py"

train_dataloader = dict(
    dataset=dict(
        unlabeled_pipeline=[
            dict(type="LoadSample"),
            dict(
                type="WithMix",
                transforms=[
                    dict(type="RandomResizeCropFlip", crop_size=801),
                    dict(type="StrongViews"),
                ],
            ),
            dict(type="PackViews", labeled=False),
        ]
    )
)
