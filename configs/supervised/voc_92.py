# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images.

80 passes over the labeled list with 16 images per batch, as in the released code.
`voc_92_equal_length.py` takes as many iterations as the other methods.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="Supervised")
train_dataloader = dict(
    batch_size=16,
    sampler=dict(labeled=16, labeled_only=True, epoch_of="labeled"),
    dataset=dict(split="92"),
)
