# SPDX-License-Identifier: Apache-2.0
"""3,000 iterations of AdamW from random weights, with one learning rate for the whole network."""

train_cfg = dict(type="PassTrainLoop", max_iters=3000, val_interval=300)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=0.001, weight_decay=0.01))
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
