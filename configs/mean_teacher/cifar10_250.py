# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, WRN-28-2, CIFAR-10, 250 labeled images, one output.

The table does not state how its Mean Teacher was trained. Here, both views are weak, a batch has 64
unlabeled images, and the weight rises to 50 over half of the run.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/schedules/fixmatch.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MeanTeacher",
    consistency_weight=50.0,
    ramp=2**19,
    teacher=dict(momentum=0.001),
    predict_on="teacher",
    track_pseudo_labels=True,
)
train_dataloader = dict(batch_size=128, sampler=dict(unlabeled=64), dataset=dict(split="250_seed0"))
auto_scale_lr = dict(base_batch_size=128)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
