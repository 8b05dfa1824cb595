# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, DeepLabv3+ on EfficientNet-Lite0, crop and weed, 8 of 260 images labeled.

Run:   python tools/train.py configs/supervised/peanut_8.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

Evaluated is an average of
the weights.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_lite0.py",
    "../_base_/datasets/peanut.py",
    "../_base_/schedules/small_pretrained.py",
    "../_base_/runtime_foreground.py",
]

_base_.model.student.decode_head.num_classes = 3
model = dict(type="Supervised")
train_dataloader = dict(batch_size=4, sampler=dict(labeled_only=True), dataset=dict(split="8"))
auto_scale_lr = dict(base_batch_size=4)
