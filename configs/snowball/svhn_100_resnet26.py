# SPDX-License-Identifier: Apache-2.0
"""Snowball, ResNet-26, SVHN, 100 labelled images.

Run:   python tools/train.py configs/snowball/svhn_100_resnet26.py
Paper: error 6.04 +- 0.43 (Snowball, Table 2.7).
Ours:  not run.

About 180 passes of Mean Teacher, then 12 discoveries with 30 passes each. How long the paper trains
after a discovery is not published, nor its learning rate there: a cosine of its own, as here.
"""

_base_ = [
    "../_base_/models/resnet26_shake.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/methods/snowball.py",
    "../_base_/datasets/svhn_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

_base_.discovery.update(begin=132_000, length=22_000)
_base_.two_outputs.teacher.momentum = 0.001  # 0.99 that rises to 0.999, eq. 2.2
model = dict(
    data_preprocessor=_base_.pop("pixels"),
    student=dict(decode_head=dict(branches=_base_.pop("second"))),
    ramp=3_700,  # 5 passes
    track_pseudo_labels=True,
    **_base_.pop("snowball"),
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="100_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("discovery")]
_base_.param_scheduler[0].stages = [132_000, *[22_000] * 12]
train_cfg = dict(max_iters=396_000, val_interval=396_000)
