# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ConvNet-13, CIFAR-10, 100 labelled images.

Run:   python tools/train.py configs/mixmatch/cifar10_100_convnet13.py
Paper: error 33.25 +- 4.05 (LMCS, Table 3.6).
Ours:  not run.
"""

_base_ = "./cifar10_1000_convnet13.py"

train_dataloader = dict(dataset=dict(split="100_seed0"))
