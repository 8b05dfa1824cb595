# SPDX-License-Identifier: Apache-2.0
"""LMCS, ConvNet-13, CIFAR-10, 100 labelled images.

Run:   python tools/train.py configs/lmcs/cifar10_100_convnet13.py
Paper: error 17.71 +- 2.46 (LMCS, Table 3.6).
Ours:  not run.
"""

_base_ = "./cifar10_1000_convnet13.py"

train_dataloader = dict(dataset=dict(split="100_seed0"))
