# SPDX-License-Identifier: Apache-2.0
"""SAN with labels, GoogLeNet, CUB-200-2011, Multi-Similarity without a memory.

Run:   python tools/train.py configs/san/cub_googlenet_supervised_ms.py
Paper: Recall@1 59.7 (SAN, Table 5.5, MS).
Ours:  not run.
"""

_base_ = [
    "../metric_learning/cub_googlenet_supervised_ms.py",
    "../_base_/methods/spatial_assembly.py",
]

model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
