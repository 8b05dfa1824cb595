# SPDX-License-Identifier: Apache-2.0
"""Label propagation with Mean Teacher, ConvNet-13, CIFAR-10, 500 labelled images.

Run:   python tools/train.py configs/label_propagation/cifar10_500_convnet13_mt.py
Paper: error 24.02 +- 2.44 (Label propagation, Table 2).
Ours:  not run.

180 passes of Mean Teacher, then 180 with propagated labels as well.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/label_propagation.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/datasets/cifar10_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="LabelPropagation",
    student=dict(decode_head=dict(branches=_base_.pop("second"))),
    ramp=4_950,  # 5 passes
    warmup=178_200,
    track_pseudo_labels=True,
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="500_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("label_propagation")]
_base_.param_scheduler[0].stages = [178_200, 178_200]
train_cfg = dict(max_iters=356_400, val_interval=356_400)
