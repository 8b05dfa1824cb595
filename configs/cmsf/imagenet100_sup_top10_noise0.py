# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_sup_top10.py"
model = dict(student=dict(decode_head=dict(num_classes=100)))  # memory of ImageNet: not published
train_dataloader = dict(dataset=dict(dataset=dict(data_root="data/imagenet100")))
val_dataloader = dict(dataset=dict(data_root="data/imagenet100"))
