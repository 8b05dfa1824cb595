# SPDX-License-Identifier: Apache-2.0
"""2^20 iterations, part of a cosine, no weight decay on norms and biases; tested at the end.

The learning rate is for 64 labeled images over all processes.
"""

train_cfg = dict(type="PassTrainLoop", max_iters=2**20, val_interval=2**20)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [dict(type="PartialCosineLR", by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=512)
