# SPDX-License-Identifier: Apache-2.0
"""Supervised-only with SAN, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Run:   python tools/train.py configs/supervised/cifar10_mini_100_san.py --data-root PATH
Paper: not in the paper.
Ours:  not run.

The assembly is before the last stage: it moves blocks of 2 x 2 positions of a 16 x 16 map.
"""

_base_ = ["./cifar10_mini_100.py", "../_base_/methods/spatial_assembly_scratch.py"]

_base_.spatial_assembly.insert.update(at="backbone.stages.1")
_base_.spatial_assembly.insert.module.update(in_channels=64, grid=8, hidden_channels=32)
model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
