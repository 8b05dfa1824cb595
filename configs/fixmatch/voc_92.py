# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images."""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc_mix.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="FixMatch", mix_source="same")
train_dataloader = dict(dataset=dict(split="92"))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].transforms[1].num = 1  # one strong view
