# SPDX-License-Identifier: Apache-2.0
"""2,000 iterations at a learning rate that gets a rare foreground off the ground."""

_base_ = "./small.py"

train_cfg = dict(max_iters=2000, val_interval=200)
optim_wrapper = dict(optimizer=dict(lr=0.05))
