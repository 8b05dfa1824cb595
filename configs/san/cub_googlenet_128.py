# SPDX-License-Identifier: Apache-2.0
"""SAN without labels, GoogLeNet, CUB-200-2011, 100 clusters, 128 numbers.

Run:   python tools/train.py configs/san/cub_googlenet_128.py
Paper: Recall@1 55.9 (SAN, Tables 5.2 and 5.4).
Ours:  not run.
"""

_base_ = ["../metric_learning/cub_googlenet_128.py", "../_base_/methods/spatial_assembly.py"]

model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
