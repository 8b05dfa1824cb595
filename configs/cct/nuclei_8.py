# SPDX-License-Identifier: Apache-2.0
"""CCT, DeepLabv3+ on EfficientNet-Lite0, nuclei, 8 of 444 images labeled."""

_base_ = "../_base_/sets/nuclei_8.py"

model = dict(type="CCT", consistency_weight=3.0, warmup=400, ramp=400, ramp_shape="sigmoid")
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
