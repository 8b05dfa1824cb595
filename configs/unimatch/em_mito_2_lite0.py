# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ on EfficientNet-Lite0, mitochondria, 2 labeled sections.

After a warm-up, the average of the weights labels every pixel, over image and mirror image.
"""

_base_ = "../_base_/sets/em_mito_2_lite0.py"

model = dict(
    type="UniMatch",
    teacher=dict(warmup=True),
    labels_from="teacher",
    flip_labels=True,
    threshold=0.0,
    warmup=400,
    ramp=200,
)
