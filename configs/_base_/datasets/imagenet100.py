# SPDX-License-Identifier: Apache-2.0
"""ImageNet-100: as ImageNet, but the 100 classes that `data/imagenet100/classes.txt` lists."""

_base_ = "./imagenet.py"

train_dataloader = dict(dataset=dict(dataset=dict(data_root="data/imagenet100")))
val_dataloader = dict(dataset=dict(data_root="data/imagenet100"))
