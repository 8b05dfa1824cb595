# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, SVHN, 250 labelled images.

Run:   python tools/train.py configs/lmcs/svhn_250.py
Paper: error 3.23 +- 0.15 (LMCS, Tables 3.2 and 3.5).
Ours:  not run.

The weight 250 of unlabelled images is that of the MixMatch paper for SVHN.
"""

_base_ = [
    "../_base_/models/wrn28_2.py",
    "../_base_/methods/lmcs.py",
    "../_base_/datasets/svhn_twice.py",
    "../_base_/schedules/mixmatch.py",
    "../_base_/runtime_classes.py",
]

_base_.lmcs.unlabeled_weight = 250.0
model = dict(
    data_preprocessor=_base_.pop("pixels"),
    feature_part=["backbone.stem", "backbone.stages.0", "backbone.stages.1"],
    channels=64,
    **_base_.pop("lmcs"),
)
train_dataloader = dict(dataset=dict(split="250_seed0"))
custom_hooks = [*_base_.custom_hooks, _base_.pop("step"), _base_.pop("discovery")]
