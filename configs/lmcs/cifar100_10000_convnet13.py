# SPDX-License-Identifier: Apache-2.0
"""LMCS, ConvNet-13, CIFAR-100, 10,000 labelled images.

Run:   python tools/train.py configs/lmcs/cifar100_10000_convnet13.py
Paper: error 31.16 +- 0.08 (LMCS, Table 3.3).
Ours:  not run.
"""

_base_ = "./cifar100_4000_convnet13.py"

train_dataloader = dict(dataset=dict(split="10000_seed0"))
_base_.custom_hooks[-1].sizes = (2, 4)  # ten times as many would be more than there are
