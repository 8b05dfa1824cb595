# SPDX-License-Identifier: Apache-2.0
"""UniMatch, half-width DeepLabv3+ R-18, CamVid, 1/16 (23) of 367 images labelled.

The unsupervised terms wait for 25% of the iterations and then ramp in; hard pixels
and threshold 0 are those of the papers' street scenes. Evaluated is an
average of the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_street.py",
    "../_base_/datasets/camvid.py",
    "../_base_/schedules/small_long.py",
    "../_base_/default_runtime.py",
]

model = dict(type="UniMatch", threshold=0.0, warmup=1500, ramp=500)
train_dataloader = dict(dataset=dict(split="1_16"))
