# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_500_resnet26.py"
_base_.custom_hooks[-1].update(sizes=(2,), generations=1)
_base_.param_scheduler[0].stages = [90_000, 15_000]
train_cfg = dict(max_iters=105_000, val_interval=105_000)
