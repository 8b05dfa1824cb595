# SPDX-License-Identifier: Apache-2.0
_base_ = "./coco_1_512_dinov2_s.py"
train_dataloader = dict(dataset=dict(split="1_64"))
