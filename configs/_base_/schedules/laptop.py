# SPDX-License-Identifier: Apache-2.0
"""800 iterations of AdamW, a few minutes on two CPU cores."""

_base_ = "./small.py"

train_cfg = dict(max_iters=800, val_interval=200)
