# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, ResNet-50, ImageNet-100, 25% of the labels wrong, all of the class.

Run:   python tools/train.py configs/cmsf/imagenet100_sup_all_noise25.py
Paper: a point of a curve (CMSF, Figure 6).
Ours:  not run.
"""

_base_ = "./imagenet100_sup_top10_noise0.py"

model = dict(top_all=True)
train_dataloader = dict(dataset=dict(dataset=dict(label_noise=dict(share=0.25, seed=0))))
