# SPDX-License-Identifier: Apache-2.0
"""3,000 iterations of AdamW from random weights; tested at the end."""

train_cfg = dict(type="PassTrainLoop", max_iters=3000, val_interval=3000)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=0.002, weight_decay=0.02))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, end=100),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False, begin=100),
]
auto_scale_lr = dict(enable=False, base_batch_size=128)
