# SPDX-License-Identifier: Apache-2.0
"""2,500 iterations from random weights, with one learning rate for the whole network."""

train_cfg = dict(type="PassTrainLoop", max_iters=2500, val_interval=250)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = [dict(type="PolyLR", power=0.9, eta_min=0.0, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
