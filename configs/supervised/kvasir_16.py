# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ on EfficientNet-Lite0, polyps, 16 of 800 images labeled.

Run:   python tools/train.py configs/supervised/kvasir_16.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

Evaluated is an average of
the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_lite0.py",
    "../_base_/datasets/kvasir.py",
    "../_base_/schedules/small_pretrained.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="Supervised")
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True), dataset=dict(split="16"))
auto_scale_lr = dict(base_batch_size=4)
