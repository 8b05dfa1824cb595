# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, ResNet-50, ImageNet-100, 5% of the labels wrong.

Run:   python tools/train.py configs/supervised/imagenet100_noise5.py
Paper: a point of a curve (CMSF, Figure 6, Xent).
Ours:  not run.
"""

_base_ = "./imagenet100_noise0.py"

train_dataloader = dict(dataset=dict(dataset=dict(label_noise=dict(share=0.05, seed=0))))
