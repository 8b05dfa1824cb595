# SPDX-License-Identifier: Apache-2.0
"""1,500 iterations of AdamW from random weights, batches of 16 x 5 images; tested at the end."""

train_cfg = dict(type="PassTrainLoop", max_iters=1500, val_interval=1500)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=0.001, weight_decay=0.02))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, end=50),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False, begin=50),
]
auto_scale_lr = dict(enable=False, base_batch_size=80)
