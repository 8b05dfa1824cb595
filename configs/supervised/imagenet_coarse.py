# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet.py"
model = dict(student=dict(decode_head=dict(num_classes=93)))
# coarse.txt: see configs/cmsf/imagenet_coarse_sup_top10.py
train_dataloader = dict(dataset=dict(dataset=dict(coarse="coarse.txt")))
val_dataloader = dict(dataset=dict(coarse="coarse.txt"))
