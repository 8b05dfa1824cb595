# SPDX-License-Identifier: Apache-2.0
"""80 passes over the unlabeled images; the head learns ten times faster than the backbone.

The learning rate is for a batch of 8 + 8 over all processes; see `--auto-scale-lr`.
"""

train_cfg = dict(type="PassTrainLoop", max_epochs=80)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.001, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={"decode_head": dict(lr_mult=10.0)}),
)
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=16)
