# SPDX-License-Identifier: Apache-2.0
"""CPS, half-width DeepLabv3+ R-18, CamVid, 1/16 (23) of 367 images labeled.

The loss on hard pixels applies to labeled images only.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_street.py",
    "../_base_/datasets/camvid.py",
    "../_base_/schedules/small_long.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="CPS",
    warmup=1500,
    ramp=500,
    cross_weight=6.0,  # of the CPS paper for street scenes
    cutmix=dict(boxes=3, area=(0.25, 0.5), probability=1.0),
)
train_dataloader = dict(dataset=dict(split="1_16"))
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
