# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, CIFAR-10, 500 labelled images.

Run:   python tools/train.py configs/lmcs/cifar10_500.py
Paper: error 9.40 +- 0.25 (LMCS, Tables 3.1 and 3.4).
Ours:  not run.
"""

_base_ = "./cifar10_250.py"

train_dataloader = dict(dataset=dict(split="500_seed0"))
