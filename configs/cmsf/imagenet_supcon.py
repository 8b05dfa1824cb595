# SPDX-License-Identifier: Apache-2.0
"""Supervised contrastive learning (SupCon), ResNet-50, ImageNet, 1,281,167 images, 200 passes.

Views, target network and memory are those of CMSF with labels. The CMSF paper does not state the
settings of this baseline.
"""

_base_ = "./imagenet_sup_all.py"

model = dict(type="SupCon", predictor=None, temperature=0.1, top_all=False)
