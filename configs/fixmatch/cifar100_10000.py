# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-28-8, CIFAR-100, 10,000 labelled images.

Run:   python tools/train.py configs/fixmatch/cifar100_10000.py
Paper: top-1 77.40 +- 0.12 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar100_400.py"

train_dataloader = dict(dataset=dict(split="10000_seed0"))
