# SPDX-License-Identifier: Apache-2.0
"""SAN without labels, a narrow ResNet-18, a small Omniglot, 136 classes.

Run:   python tools/train.py configs/san/omniglot_mini.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.

The assembly is between the last two stages, whose maps are 7 x 7.
"""

_base_ = ["../metric_learning/omniglot_mini.py", "../_base_/methods/spatial_assembly_scratch.py"]

_base_.spatial_assembly.insert.update(at="backbone.layer3")
_base_.spatial_assembly.insert.module.update(in_channels=64, hidden_channels=32)
model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
