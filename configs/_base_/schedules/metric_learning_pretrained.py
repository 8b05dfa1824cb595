# SPDX-License-Identifier: Apache-2.0
"""200 iterations of AdamW from pretrained weights; the backbone learns ten times slower."""

_base_ = "./mini_pretrained.py"

optim_wrapper = dict(
    optimizer=dict(lr=0.001), paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=0.1)})
)
auto_scale_lr = dict(base_batch_size=80)
