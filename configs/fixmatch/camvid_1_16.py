# SPDX-License-Identifier: Apache-2.0
"""FixMatch, half-width DeepLabv3+ R-18, CamVid, 1/16 (23) of 367 images labelled.

Run:   python tools/train.py configs/fixmatch/camvid_1_16.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

The unsupervised terms wait for 30% of the iterations and then ramp in. Evaluated is an
average of the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half.py",
    "../_base_/datasets/camvid.py",
    "../_base_/schedules/small.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="FixMatch",
    student=dict(decode_head=dict(num_classes=11)),
    threshold=0.8,
    warmup=900,
    ramp=300,
)
train_dataloader = dict(dataset=dict(split="1_16"))
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
