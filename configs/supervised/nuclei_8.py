# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ on EfficientNet-Lite0, nuclei, 8 of 444 images labeled.

Run:   python tools/train.py configs/supervised/nuclei_8.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

Evaluated is an average of
the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_lite0.py",
    "../_base_/datasets/nuclei.py",
    "../_base_/schedules/small_pretrained.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="Supervised")
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True), dataset=dict(split="8"))
auto_scale_lr = dict(base_batch_size=4)
