# SPDX-License-Identifier: Apache-2.0
"""Stages of 180 passes, each a cosine that would reach zero at pass 210; tested at the end.

A config sets the iterations of its stages.
"""

train_cfg = dict(type="PassTrainLoop")
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.05, momentum=0.9, nesterov=True, weight_decay=2e-4),
)
param_scheduler = [dict(type="CosineStagesLR", by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=100)
