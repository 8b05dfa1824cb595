# SPDX-License-Identifier: Apache-2.0
"""1,500 iterations of AdamW, a few minutes on two CPU cores."""

train_cfg = dict(type="PassTrainLoop", max_iters=1500, val_interval=500)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=0.001, weight_decay=0.01))
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
