# SPDX-License-Identifier: Apache-2.0
"""1,600 iterations of AdamW from pretrained weights; the backbone learns five times slower."""

train_cfg = dict(type="PassTrainLoop", max_iters=1600, val_interval=400)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=0.001, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=0.2)}),
)
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
