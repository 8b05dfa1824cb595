# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, CIFAR-10, 80 labelled images.

Run:   python tools/train.py configs/lmcs/cifar10_80.py
Paper: error 16.05 +- 1.10 (LMCS, Table 3.4).
Ours:  not run.
"""

_base_ = "./cifar10_250.py"

train_dataloader = dict(dataset=dict(split="80_seed0"))
