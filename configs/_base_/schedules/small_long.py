# SPDX-License-Identifier: Apache-2.0
"""6,000 iterations of AdamW from random weights, with one learning rate for the whole network."""

_base_ = "./small.py"

train_cfg = dict(max_iters=6000, val_interval=600)
