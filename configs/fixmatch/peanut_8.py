# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ on EfficientNet-Lite0, crop and weed, 8 of 260 images labeled.

After a warm-up, the average of the weights labels every pixel, over image and mirror image.
"""

_base_ = "../_base_/sets/peanut_8.py"

model = dict(
    type="FixMatch",
    teacher=dict(warmup=True),
    labels_from="teacher",
    flip_labels=True,
    single_pass=True,
    threshold=0.0,
    warmup=400,
    ramp=200,
)
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
