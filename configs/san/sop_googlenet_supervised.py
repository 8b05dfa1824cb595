# SPDX-License-Identifier: Apache-2.0
"""SAN with labels, GoogLeNet, Stanford Online Products, a momentum memory.

Run:   python tools/train.py configs/san/sop_googlenet_supervised.py
Paper: Recall@1 75.8 (SAN, Table 5.4).
Ours:  not run.
"""

_base_ = ["../metric_learning/sop_googlenet_supervised.py", "../_base_/methods/spatial_assembly.py"]

model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
