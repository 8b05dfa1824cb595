# SPDX-License-Identifier: Apache-2.0
"""20,000 iterations of SGD from ImageNet weights; the head learns ten times faster.

The paper trains "until stable" and states no number. The learning rate is for a batch of 4 + 4 over
all processes. `--auto-scale-lr` scales it to another.
"""

train_cfg = dict(type="PassTrainLoop", max_iters=20000, val_interval=2000)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.001, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={"decode_head": dict(lr_mult=10.0)}),
)
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
