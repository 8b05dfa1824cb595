# SPDX-License-Identifier: Apache-2.0
"""LMCS, ConvNet-13, CIFAR-100, 5,000 labelled images.

Run:   python tools/train.py configs/lmcs/cifar100_5000_convnet13.py
Paper: error 36.70 +- 0.50 (LMCS, Table 3.7).
Ours:  not run.
"""

_base_ = "./cifar100_4000_convnet13.py"

train_dataloader = dict(dataset=dict(split="5000_seed0"))
_base_.custom_hooks[-1].sizes = (2, 4, 8)  # ten times as many would be all there are
