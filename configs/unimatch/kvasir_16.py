# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ on EfficientNet-Lite0, polyps, 16 of 800 images labeled.

After a warm-up, the average of the weights labels every pixel, over image and mirror image.
"""

_base_ = "../_base_/sets/kvasir_16.py"

model = dict(
    type="UniMatch",
    teacher=dict(warmup=True),
    labels_from="teacher",
    flip_labels=True,
    threshold=0.0,
    warmup=400,
    ramp=200,
)
