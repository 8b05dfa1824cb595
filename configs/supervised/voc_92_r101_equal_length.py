# SPDX-License-Identifier: Apache-2.0
_base_ = "./voc_92_r101.py"
train_dataloader = dict(batch_size=8, sampler=dict(labeled=8, epoch_of="unlabeled"))
auto_scale_lr = dict(base_batch_size=8)
