# SPDX-License-Identifier: Apache-2.0
"""MixMatch, ConvNet-13, CIFAR-100, 5,000 labelled images.

Run:   python tools/train.py configs/mixmatch/cifar100_5000_convnet13.py
Paper: error 38.41 +- 0.10 (LMCS, Table 3.7).
Ours:  not run.
"""

_base_ = "./cifar100_10000_convnet13.py"

train_dataloader = dict(dataset=dict(split="5000_seed0"))
