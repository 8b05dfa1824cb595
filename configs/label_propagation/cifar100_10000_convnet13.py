# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_4000_convnet13.py"
model = dict(warmup=14_062)
train_dataloader = dict(sampler=dict(labeled_batches=14_062), dataset=dict(split="10000_seed0"))
_base_.param_scheduler[0].stages = [14_062, 74_160]
train_cfg = dict(max_iters=88_222, val_interval=88_222)
