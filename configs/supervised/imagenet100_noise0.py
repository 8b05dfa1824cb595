# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet.py"
model = dict(student=dict(decode_head=dict(num_classes=100)))
train_dataloader = dict(dataset=dict(dataset=dict(data_root="data/imagenet100")))
val_dataloader = dict(dataset=dict(data_root="data/imagenet100"))
