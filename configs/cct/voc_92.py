# SPDX-License-Identifier: Apache-2.0
"""CCT, DeepLabv3+ R-50, PASCAL VOC classic, 92 labeled images.

Network, crop and schedule are those of the other methods here. The CCT paper uses a PSPNet.
"""

_base_ = [
    "../_base_/models/deeplabv3plus_r50.py",
    "../_base_/datasets/voc.py",
    "../_base_/schedules/voc.py",
    "../_base_/default_runtime.py",
]

model = dict(type="CCT", ramp=10_500, ramp_shape="sigmoid")  # a tenth of the run, as in the paper
train_dataloader = dict(dataset=dict(split="92"))
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
