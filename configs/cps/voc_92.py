# SPDX-License-Identifier: Apache-2.0
"""CPS, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images.

Uses CutMix, like the released code. `--cfg-options model.cutmix=None` turns it off. The backbones
start from the same weights, the heads from different ones. Network, crop and schedule are those of
the other methods here, not those of the CPS paper.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="CPS", cutmix=dict(boxes=3, area=(0.25, 0.5), probability=1.0))
train_dataloader = dict(dataset=dict(split="92"))
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
