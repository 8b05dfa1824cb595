# SPDX-License-Identifier: Apache-2.0
"""PrevMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images.

UniMatch with further pseudo-labels from earlier weights. Memory holds 8 copies of the network.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="PrevMatch")
train_dataloader = dict(dataset=dict(split="92"))
