# SPDX-License-Identifier: Apache-2.0
"""SupCon, ResNet-50, ImageNet, 1,281,167 images of 93 coarse classes; see imagenet_supcon.py."""

_base_ = "./imagenet_coarse_sup_all.py"

model = dict(type="SupCon", predictor=None, temperature=0.1, top_all=False)
