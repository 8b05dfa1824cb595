# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images, mixed within the batch.

Pastes other images of the batch, whose predictions are available. `voc_92.py` pastes a second crop
of the same image, as in the paper, which needs a third forward pass.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="UniMatch", mix_source="batch")
train_dataloader = dict(dataset=dict(split="92"))
