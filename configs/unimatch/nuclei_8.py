# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ on EfficientNet-Lite0, nuclei, 8 of 444 images labeled.

The network of `supervised/nuclei_8.py` labels every pixel, over image and mirror image.
"""

_base_ = "../_base_/sets/nuclei_8.py"

model = dict(
    type="UniMatch",
    labeler="work_dirs/supervised/nuclei_8/iter_400.pth",
    flip_labels=True,
    threshold=0.0,
)
