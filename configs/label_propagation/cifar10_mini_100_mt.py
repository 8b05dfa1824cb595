# SPDX-License-Identifier: Apache-2.0
"""Label propagation with Mean Teacher, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Run:   python tools/train.py configs/label_propagation/cifar10_mini_100_mt.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/methods/mean_teacher_two_outputs.py",
    "../_base_/methods/label_propagation.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

_base_.two_outputs.update(
    consistency_weight=30.0, whole_batch=False, teacher=dict(momentum=0.005, warmup=True)
)
model = dict(
    type="LabelPropagation",
    student=dict(decode_head=dict(branches=_base_.pop("second"))),
    ramp=1000,
    warmup=600,
    track_pseudo_labels=True,
    **_base_.pop("two_outputs"),
)
train_dataloader = dict(dataset=dict(split="100_seed0", include_labeled=False))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
custom_hooks = [*_base_.custom_hooks, _base_.pop("label_propagation")]
