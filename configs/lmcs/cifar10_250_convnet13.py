# SPDX-License-Identifier: Apache-2.0
"""LMCS, ConvNet-13, CIFAR-10, 250 labelled images.

Run:   python tools/train.py configs/lmcs/cifar10_250_convnet13.py
Paper: error 12.11 +- 0.32 (LMCS, Table 3.6).
Ours:  not run.
"""

_base_ = "./cifar10_1000_convnet13.py"

train_dataloader = dict(dataset=dict(split="250_seed0"))
