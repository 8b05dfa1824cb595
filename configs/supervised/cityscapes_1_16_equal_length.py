# SPDX-License-Identifier: Apache-2.0
"""Supervised-only, for as many iterations as the other methods: the control for comparisons.

An epoch is one pass over the unlabeled list, and the batch has the 8 labeled images of theirs.
"""

_base_ = "./cityscapes_1_16.py"
train_dataloader = dict(batch_size=8, sampler=dict(labeled=8, epoch_of="unlabeled"))
auto_scale_lr = dict(base_batch_size=8)
