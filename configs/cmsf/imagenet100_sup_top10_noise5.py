# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, ResNet-50, ImageNet-100, 5% of the labels wrong, 10 neighbours.

Run:   python tools/train.py configs/cmsf/imagenet100_sup_top10_noise5.py
Paper: a point of a curve (CMSF, Figure 6).
Ours:  not run.
"""

_base_ = "./imagenet100_sup_top10_noise0.py"

train_dataloader = dict(dataset=dict(dataset=dict(label_noise=dict(share=0.05, seed=0))))
