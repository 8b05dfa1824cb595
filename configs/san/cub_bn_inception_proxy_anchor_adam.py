# SPDX-License-Identifier: Apache-2.0
"""SAN on Proxy-Anchor with labels, BN-Inception, CUB-200-2011, the optimizer of the text.

Adam with a weight decay of 5e-4 for all parameters, as section 5.4.2 states for all
experiments. The module learns as fast as the rest of the network.
"""

_base_ = "./cub_bn_inception_proxy_anchor.py"

optim_wrapper = dict(
    optimizer=dict(type="Adam", weight_decay=5e-4),
    paramwise_cfg=dict(
        _delete_=True,
        custom_keys=dict(metric_loss=dict(lr_mult=100.0)),  # of Proxy-Anchor
    ),
)
