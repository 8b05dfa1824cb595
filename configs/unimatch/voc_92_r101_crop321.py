# SPDX-License-Identifier: Apache-2.0
_base_ = "./voc_92_crop321.py"
model = dict(
    pretrained="data/pretrained/resnet101_deepstem.pth", student=dict(backbone=dict(depth=101))
)
