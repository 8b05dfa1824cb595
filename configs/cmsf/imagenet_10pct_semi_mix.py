# SPDX-License-Identifier: Apache-2.0
"""CMSF, ResNet-50, ImageNet, 10% (128,000) of the images labelled, batches of 768.

Mixed precision. The learning rate for the larger batch is not published: it is scaled with it.
"""

_base_ = "./imagenet_10pct_semi.py"

train_dataloader = dict(batch_size=768, sampler=dict(labeled=77, unlabeled=691))
optim_wrapper = dict(optimizer=dict(lr=0.15))
auto_scale_lr = dict(base_batch_size=768)
