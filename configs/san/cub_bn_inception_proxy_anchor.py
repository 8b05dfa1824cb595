# SPDX-License-Identifier: Apache-2.0
"""SAN and Proxy-Anchor with labels, BN-Inception, CUB-200-2011.

Run:   python tools/train.py configs/san/cub_bn_inception_proxy_anchor.py
Paper: Recall@1 69.5 (SAN, Table 5.5, Proxy-Anchor).
Ours:  not run.

The assembly is before the last two Inception blocks, whose map of 224 px is 7 x 7.
"""

_base_ = [
    "../metric_learning/cub_bn_inception_proxy_anchor.py",
    "../_base_/methods/spatial_assembly.py",
]

_base_.spatial_assembly.insert.update(at="backbone.inception_4e")
_base_.spatial_assembly.insert.module.update(in_channels=1056)
model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
