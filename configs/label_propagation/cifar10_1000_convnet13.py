# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(warmup=1_800)
train_dataloader = dict(sampler=dict(labeled_batches=1_800), dataset=dict(split="1000_seed0"))
_base_.param_scheduler[0].stages = [1_800, 176_400]
train_cfg = dict(max_iters=178_200, val_interval=178_200)
