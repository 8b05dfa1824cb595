# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, ResNet-50, ImageNet, 1,281,167 images of 93 coarse classes.

coarse.txt and the judgement by fine classes: configs/cmsf/imagenet_coarse_sup_all.py.
"""

_base_ = "./imagenet.py"

model = dict(student=dict(decode_head=dict(num_classes=93)))
train_dataloader = dict(dataset=dict(dataset=dict(coarse="coarse.txt")))
val_dataloader = dict(dataset=dict(coarse="coarse.txt"))
