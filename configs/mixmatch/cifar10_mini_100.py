# SPDX-License-Identifier: Apache-2.0
"""MixMatch, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled.

The weight rises over 16,384 iterations, as in the paper, and this run has 3,000. If it reaches its
full value within 3,000, all unlabeled images end in one class.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="MixMatch",
    ramp=2**14,
    teacher=dict(momentum=0.005, buffers=False, warmup=9),
    predict_on="teacher",
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="100_seed0", include_labeled=False))
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
