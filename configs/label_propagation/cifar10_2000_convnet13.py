# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(warmup=3_600)
train_dataloader = dict(sampler=dict(labeled_batches=3_600), dataset=dict(split="2000_seed0"))
_base_.param_scheduler[0].stages = [3_600, 172_800]
train_cfg = dict(max_iters=176_400, val_interval=176_400)
