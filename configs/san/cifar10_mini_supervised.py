# SPDX-License-Identifier: Apache-2.0
"""SAN with labels, WRN-10-2, a small CIFAR-10, 4,000 images.

Run:   python tools/train.py configs/san/cifar10_mini_supervised.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

The assembly is before the last stage: it moves blocks of 2 x 2 positions of a 16 x 16 map.
"""

_base_ = [
    "../metric_learning/cifar10_mini_supervised.py",
    "../_base_/methods/spatial_assembly_scratch.py",
]

_base_.spatial_assembly.insert.update(at="backbone.stages.1")
_base_.spatial_assembly.insert.module.update(in_channels=64, grid=8, hidden_channels=32)
model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
