# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ on EfficientNet-Lite0, CamVid, 1/16 (23) of 367 images labeled.

The network of `supervised/camvid_1_16_lite0.py` labels every pixel, over image and mirror image.
"""

_base_ = "../_base_/sets/camvid_1_16_lite0.py"

model = dict(
    type="UniMatch",
    labeler="work_dirs/supervised/camvid_1_16_lite0/iter_400.pth",
    flip_labels=True,
    threshold=0.0,
)
