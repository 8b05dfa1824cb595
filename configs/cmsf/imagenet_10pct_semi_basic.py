# SPDX-License-Identifier: Apache-2.0
"""CMSF, ResNet-50, ImageNet, 10% (128,000) of the images labeled, no pseudo-labels.

Unlabeled images are trained with MSF. To fine-tune, run imagenet_10pct_finetune.py, then
imagenet_10pct_finetune_again.py.
"""

_base_ = "./imagenet_sup_top10.py"

train_dataloader = dict(
    sampler=dict(labeled=26, unlabeled=230, labeled_only=False),  # the ratio of the data set
    dataset=dict(split="10pct", empty=None, labeled=None),
)
