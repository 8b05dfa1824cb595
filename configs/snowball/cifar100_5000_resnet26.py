# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, CIFAR-100, 5,000 labelled images.

Run:   python tools/train.py configs/snowball/cifar100_5000_resnet26.py
Paper: error 34.00 +- 0.10 (Snowball, Table 2.3).
Ours:  not run.

About 180 passes of Mean Teacher, then 9 discoveries with 30 passes each. How long the paper trains
after a discovery is not published, nor its learning rate there: a cosine of its own, as here.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/methods/snowball.py",
    "../_base_/datasets/cifar100_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

_base_.discovery.update(sizes=(2, 4, 8))  # 16 times as many would be more than there are
_base_.discovery.update(begin=82_000, length=14_000)
_base_.two_outputs.teacher.momentum = 0.001  # 0.99 that rises to 0.999, eq. 2.2
model = dict(
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),  # of CIFAR-100
    student=dict(decode_head=dict(num_classes=100, branches=_base_.pop("second"))),
    ramp=2_300,  # 5 passes
    track_pseudo_labels=True,
    **_base_.pop("snowball"),
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="5000_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("discovery")]
_base_.param_scheduler[0].stages = [82_000, *[14_000] * 9]
train_cfg = dict(max_iters=208_000, val_interval=208_000)
auto_scale_lr = dict(base_batch_size=128)
