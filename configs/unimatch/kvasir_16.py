# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ on EfficientNet-Lite0, polyps, 16 of 800 images labeled.

The network of `supervised/kvasir_16.py` labels every pixel, over image and mirror image.
"""

_base_ = "../_base_/sets/kvasir_16.py"

model = dict(
    type="UniMatch",
    labeler="work_dirs/supervised/kvasir_16/iter_400.pth",
    flip_labels=True,
    threshold=0.0,
)
