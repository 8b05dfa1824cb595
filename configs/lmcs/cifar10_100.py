# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, CIFAR-10, 100 labelled images.

Run:   python tools/train.py configs/lmcs/cifar10_100.py
Paper: error 12.75 +- 0.12 (LMCS, Table 3.4).
Ours:  not run.
"""

_base_ = "./cifar10_250.py"

train_dataloader = dict(dataset=dict(split="100_seed0"))
