# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_convnet13.py"
model = dict(warmup=7_200)
train_dataloader = dict(sampler=dict(labeled_batches=7_200), dataset=dict(split="4000_seed0"))
_base_.param_scheduler[0].stages = [7_200, 165_600]
train_cfg = dict(max_iters=172_800, val_interval=172_800)
