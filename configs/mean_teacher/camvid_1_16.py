# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, half-width DeepLabv3+ R-18, CamVid, 1/16 (23) of 367 images labeled."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_street.py",
    "../_base_/datasets/camvid.py",
    "../_base_/schedules/small_long.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="MeanTeacher", consistency_weight=11.0, warmup=1500, ramp=500, ramp_shape="sigmoid"
)
train_dataloader = dict(dataset=dict(split="1_16"))
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
