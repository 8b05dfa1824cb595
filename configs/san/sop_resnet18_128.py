# SPDX-License-Identifier: Apache-2.0
"""SAN without labels, ResNet-18 from random weights, SOP, 128 numbers.

Run:   python tools/train.py configs/san/sop_resnet18_128.py
Paper: Recall@1 46.3 (SAN, Table 5.3).
Ours:  not run.

10,000 clusters. The assembly is before the last block, whose map of 227 px is 8 x 8.
"""

_base_ = ["../metric_learning/sop_resnet18_128.py", "../_base_/methods/spatial_assembly_scratch.py"]

_base_.spatial_assembly.insert.update(at="backbone.layer4.0")
_base_.spatial_assembly.insert.module.update(in_channels=512, grid=8)
model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
