# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-50, Cityscapes, 1/16 (186) of 2,975 images labeled.

240 passes over the labeled list with 16 images per batch, as in the released code.
`cityscapes_1_16_equal_length.py` takes as many iterations as the other methods.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50_cityscapes.py",
    "../_base_/datasets/cityscapes.py",
    "../_base_/schedules/cityscapes.py",
    "../_base_/default_runtime.py",
]

model = dict(type="Supervised")
train_dataloader = dict(
    batch_size=16,
    sampler=dict(labeled=16, labeled_only=True, epoch_of="labeled"),
    dataset=dict(split="1_16"),
)
