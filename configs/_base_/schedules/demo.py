# SPDX-License-Identifier: Apache-2.0
"""500 iterations, a few minutes on two CPU cores."""

_base_ = "./small.py"

train_cfg = dict(max_iters=500, val_interval=100)
