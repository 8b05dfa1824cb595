# SPDX-License-Identifier: Apache-2.0
"""Snowball, ConvNet-13, SVHN, 100 labeled images.

About 180 passes of Mean Teacher, then 12 discoveries with 30 passes each. The paper does not state
how long it trains after a discovery, nor the learning rate there: here, a new cosine.
"""

_base_ = "../mean_teacher/svhn_100_convnet13.py"

model = dict(
    ramp=3700,
    type="Snowball",
    labeled_consistency=False,  # with the teacher; their second draw is for the master
    master=dict(momentum=0.001, warmup=True),
    # eq. 2.2: 0.99, then 0.999; the step at which it rises is that of Mean Teacher's released code
    teacher=dict(
        _delete_=True, momentum=0.001, early_momentum=0.01, early_steps=40_000, buffers=False
    ),
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
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "weak"
