# SPDX-License-Identifier: Apache-2.0
"""MixMatch, WRN-28-2, SVHN, 250 labelled images.

Run:   python tools/train.py configs/mixmatch/svhn_250.py
Paper: error 3.78 +- 0.26 (LMCS, Tables 3.2 and 3.5).
Ours:  not run.

The weight 250 is that of the MixMatch paper for SVHN.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/methods/mixmatch.py",
    "../_base_/datasets/svhn_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

_base_.mixmatch.unlabeled_weight = 250.0
model = dict(
    data_preprocessor=_base_.pop("pixels"),
    **_base_.pop("mixmatch"),
)
train_dataloader = dict(dataset=dict(split="250_seed0"))
