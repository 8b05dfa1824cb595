# SPDX-License-Identifier: Apache-2.0
"""Label propagation with Mean Teacher, ConvNet-13, CIFAR-100, 4,000 labelled images.

Run:   python tools/train.py configs/label_propagation/cifar100_4000_convnet13_mt.py
Paper: error 43.73 +- 0.20 (Label propagation, Table 3).
Ours:  not run.

180 passes of Mean Teacher, then 180 with propagated labels as well.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/methods/label_propagation.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/datasets/cifar100_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="LabelPropagation",
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),
    student=dict(decode_head=dict(num_classes=100, branches=_base_.pop("second"))),
    ramp=2_370,  # 5 passes
    warmup=85_320,
    track_pseudo_labels=True,
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("label_propagation")]
_base_.param_scheduler[0].stages = [85_320, 85_320]
train_cfg = dict(max_iters=170_640, val_interval=170_640)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
