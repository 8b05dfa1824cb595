# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_1pct.py"
train_cfg = dict(max_epochs=100, val_epochs=100)
