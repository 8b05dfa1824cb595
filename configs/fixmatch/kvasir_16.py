# SPDX-License-Identifier: Apache-2.0
"""FixMatch, DeepLabv3+ on EfficientNet-Lite0, polyps, 16 of 800 images labeled.

The network of `supervised/kvasir_16.py` labels every pixel, over image and mirror image.
"""

_base_ = "../_base_/sets/kvasir_16.py"

model = dict(
    type="FixMatch",
    labeler="work_dirs/supervised/kvasir_16/iter_400.pth",
    flip_labels=True,
    single_pass=True,
    threshold=0.0,
)
_base_.train_dataloader.dataset.unlabeled_pipeline[2].num = 1  # one strong view
