# SPDX-License-Identifier: Apache-2.0
"""CPS, half-width DeepLabv3+ R-18, mitochondria, 2 labeled sections."""

_base_ = [
    "../_base_/models/deeplabv3plus_r18_half_em.py",
    "../_base_/datasets/em_mito.py",
    "../_base_/schedules/small.py",
    "../_base_/runtime_foreground.py",
]

model = dict(
    type="CPS", warmup=900, ramp=300, cutmix=dict(boxes=3, area=(0.25, 0.5), probability=1.0)
)
del _base_.train_dataloader.dataset.unlabeled_pipeline[2]  # weak views are enough
