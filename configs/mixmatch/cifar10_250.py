# SPDX-License-Identifier: Apache-2.0
"""MixMatch, WRN-28-2, CIFAR-10, 250 labelled images.

Run:   python tools/train.py configs/mixmatch/cifar10_250.py
Paper: error 11.08 +- 0.87 (LMCS, Table 3.1).
Ours:  not run.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/methods/mixmatch.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

model = _base_.pop("mixmatch")
train_dataloader = dict(
    batch_size=128,
    sampler=dict(unlabeled=64),
    dataset=dict(split="250_seed0"),
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
