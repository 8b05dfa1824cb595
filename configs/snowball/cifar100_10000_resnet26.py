# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_5000_resnet26.py"
train_dataloader = dict(dataset=dict(split="10000_seed0"))
_base_.custom_hooks[-1].sizes = (2, 4)  # eight times as many would be more than there are
_base_.param_scheduler[0].stages = [82_000, *[14_000] * 6]
train_cfg = dict(max_iters=166_000, val_interval=166_000)
