# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-28-8, CIFAR-100, 2,500 labelled images.

Run:   python tools/train.py configs/fixmatch/cifar100_2500.py
Paper: top-1 71.71 +- 0.11 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar100_400.py"

train_dataloader = dict(dataset=dict(split="2500_seed0"))
