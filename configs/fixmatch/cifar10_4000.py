# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-28-2, CIFAR-10, 4,000 labelled images.

Run:   python tools/train.py configs/fixmatch/cifar10_4000.py
Paper: top-1 95.74 +- 0.05 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar10_40.py"

train_dataloader = dict(dataset=dict(split="4000_seed0"))
