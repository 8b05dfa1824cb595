# SPDX-License-Identifier: Apache-2.0
"""SAN without labels, GoogLeNet, Cars-196, 100 clusters, 128 numbers.

Run:   python tools/train.py configs/san/cars_googlenet_128.py
Paper: Recall@1 44.2 (SAN, Table 5.2).
Ours:  not run.
"""

_base_ = ["../metric_learning/cars_googlenet_128.py", "../_base_/methods/spatial_assembly.py"]

model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
