# SPDX-License-Identifier: Apache-2.0
"""200 iterations of AdamW; a backbone that is not frozen learns a hundred times slower."""

train_cfg = dict(type="PassTrainLoop", max_iters=200, val_interval=200)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=0.005, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=0.01)}),
)
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=48)
