# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_10pct_semi.py"
train_dataloader = dict(batch_size=768, sampler=dict(labeled=77, unlabeled=691))
optim_wrapper = dict(optimizer=dict(lr=0.15))  # not published; scaled with the batch
auto_scale_lr = dict(base_batch_size=768)
