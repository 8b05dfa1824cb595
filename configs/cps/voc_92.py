# SPDX-License-Identifier: Apache-2.0
"""CPS, DeepLabv3+ R-50, PASCAL VOC classic, 92 labelled images.

Run:   python tools/train.py configs/cps/voc_92.py
Paper: not in the paper.
Ours:  not run.

With CutMix, as in the released code; without: `--cfg-options model.cutmix=None`. The backbones
begin with the same weights, the heads with different ones. Network, crop and schedule are those of
the other methods here, not of the CPS paper.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/methods/cps.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="CPS", **_base_.pop("cps"))
train_dataloader = dict(dataset=dict(split="92"))
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
