# SPDX-License-Identifier: Apache-2.0
"""CCT, half-width DeepLabv3+ R-18, CamVid, 1/16 (23) of 367 images labelled.

Run:   python tools/train.py configs/cct/camvid_1_16.py --data-root PATH
Paper: not in the paper.
Ours:  not run.

The consistency waits for 25% of the iterations and then ramps in. Evaluated is an
average of the weights. The first class, the sky, stands for the background.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_street.py",
    "../_base_/methods/cct.py",
    "../_base_/datasets/camvid.py",
    "../_base_/schedules/small_long.py",
    "../_base_/default_runtime.py",
]

_base_.cct.consistency_weight = 16.0  # as 30 is for 21 classes
model = dict(
    type="CCT",
    warmup=1500,
    ramp=500,
    **_base_.pop("cct"),
)
train_dataloader = dict(dataset=dict(split="1_16"))
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
