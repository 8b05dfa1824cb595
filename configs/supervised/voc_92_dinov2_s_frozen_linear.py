# SPDX-License-Identifier: Apache-2.0
"""Frozen DINOv2-S with a linear head, trained on 92 labeled images of PASCAL VOC alone.

A baseline: a method that does not beat it is not worth its time (arXiv:2503.09707). The learning
rate is ours.
"""

_base_ = [
    "../_base_/models/linear_dinov2_s.py",
    "../_base_/datasets/voc_518.py",
    "../_base_/schedules/dinov2_voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="Supervised")
train_dataloader = dict(batch_size=16, sampler=dict(labeled_only=True), dataset=dict(split="92"))
optim_wrapper = dict(
    optimizer=dict(lr=0.001), paramwise_cfg=dict(custom_keys={"decode_head": dict(lr_mult=1.0)})
)
auto_scale_lr = dict(base_batch_size=16)
