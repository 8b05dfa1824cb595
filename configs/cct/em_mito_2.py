# SPDX-License-Identifier: Apache-2.0
"""CCT, half-width DeepLabv3+ R-18, mitochondria, 2 labeled sections."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_em.py",
    "../_base_/datasets/em_mito.py",
    "../_base_/schedules/small.py",
    "../_base_/runtime_foreground.py",
]

model = dict(type="CCT", warmup=900, ramp=300, consistency_weight=3.0, ramp_shape="sigmoid")
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
