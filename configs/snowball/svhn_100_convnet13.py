# SPDX-License-Identifier: Apache-2.0
"""Snowball, ConvNet-13, SVHN, 100 labeled images.

About 180 passes of Mean Teacher, then 12 discoveries with 30 passes each. The paper does not state
how long it trains after a discovery, nor the learning rate there: here, a new cosine.
"""

_base_ = "../mean_teacher/svhn_100_convnet13.py"

model = dict(
    ramp=3700,
    type="Snowball",
    master=dict(momentum=0.001, warmup=True),
    teacher=dict(momentum=0.001),
)
train_cfg = dict(max_iters=396_000, val_interval=396_000)
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type="DiscoveryHook",
        select=dict(type="nearest_centers"),
        network="master",
        begin=132_000,
        length=22_000,
    ),
]
_base_.param_scheduler[0].stages = [132_000, *[22_000] * 12]
