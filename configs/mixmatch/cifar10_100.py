# SPDX-License-Identifier: Apache-2.0
"""MixMatch, WRN-28-2, CIFAR-10, 100 labelled images.

Run:   python tools/train.py configs/mixmatch/cifar10_100.py
Paper: error 19.61 +- 2.10 (LMCS, Table 3.4).
Ours:  not run.
"""

_base_ = "./cifar10_250.py"

train_dataloader = dict(dataset=dict(split="100_seed0"))
