# SPDX-License-Identifier: Apache-2.0
"""Stages of a cosine that would reach zero at 210 of their 180 passes; tested at the end.

A config says how many iterations its stages have.
"""

train_cfg = dict(type="PassTrainLoop")
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.05, momentum=0.9, nesterov=True, weight_decay=2e-4),
)
param_scheduler = [dict(type="CosineStagesLR", by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=100)
