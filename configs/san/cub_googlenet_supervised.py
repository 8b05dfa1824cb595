# SPDX-License-Identifier: Apache-2.0
"""SAN with labels, GoogLeNet, CUB-200-2011, a momentum memory.

Run:   python tools/train.py configs/san/cub_googlenet_supervised.py
Paper: Recall@1 63.3 (SAN, Tables 5.1 and 5.4).
Ours:  not run.
"""

_base_ = ["../metric_learning/cub_googlenet_supervised.py", "../_base_/methods/spatial_assembly.py"]

model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
