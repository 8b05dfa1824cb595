# SPDX-License-Identifier: Apache-2.0
"""SAN with labels, GoogLeNet, In-Shop, a momentum memory.

Run:   python tools/train.py configs/san/inshop_googlenet_supervised.py
Paper: Recall@1 88.5 (SAN, Table 5.1, queries in the gallery).
Ours:  not run.

That is `split/recall1`; of the whole test set, `recall1`, the table has 92.5.
"""

_base_ = [
    "../metric_learning/inshop_googlenet_supervised.py",
    "../_base_/methods/spatial_assembly.py",
]

model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
