# SPDX-License-Identifier: Apache-2.0
"""2^20 iterations at one learning rate, no weight decay on norms and biases; tested at the end.

The weight decay is that of AdamW, relative to the learning rate, as in the released code.
"""

train_cfg = dict(type="PassTrainLoop", max_iters=2**20, val_interval=2**20)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=0.002, weight_decay=0.02),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = []
auto_scale_lr = dict(enable=False, base_batch_size=128)
