# SPDX-License-Identifier: Apache-2.0
"""200 iterations of AdamW; a backbone that is not frozen learns a hundred times slower."""

_base_ = "small_pretrained.py"

train_cfg = dict(max_iters=200, val_interval=200)
optim_wrapper = dict(
    optimizer=dict(lr=0.005), paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=0.01)})
)
auto_scale_lr = dict(base_batch_size=48)
