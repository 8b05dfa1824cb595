# SPDX-License-Identifier: Apache-2.0
"""CPS, DeepLabv3+ on EfficientNet-Lite0, crop and weed, 8 of 260 images labeled."""

_base_ = "../_base_/sets/peanut_8.py"

model = dict(
    type="CPS", warmup=400, ramp=400, cutmix=dict(boxes=3, area=(0.25, 0.5), probability=1.0)
)
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
