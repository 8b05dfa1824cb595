# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, CIFAR-10, 250 labelled images.

Run:   python tools/train.py configs/snowball/cifar10_250_resnet26.py
Paper: error 11.58 +- 0.04 (Snowball, Table 2.6).
Ours:  not run.

About 180 passes of Mean Teacher, then 12 discoveries with 30 passes each. How long the paper trains
after a discovery is not published, nor its learning rate there: a cosine of its own, as here.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/methods/snowball.py",
    "../_base_/datasets/cifar10_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

_base_.discovery.update(begin=90_000, length=15_000)
_base_.two_outputs.teacher.momentum = 0.001  # 0.99 that rises to 0.999, eq. 2.2
model = dict(
    student=dict(decode_head=dict(branches=_base_.pop("second"))),
    ramp=2_500,  # 5 passes
    track_pseudo_labels=True,
    **_base_.pop("snowball"),
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=31, unlabeled=97),
    dataset=dict(split="250_seed0"),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("discovery")]
_base_.param_scheduler[0].stages = [90_000, *[15_000] * 12]
train_cfg = dict(max_iters=270_000, val_interval=270_000)
auto_scale_lr = dict(base_batch_size=128)
