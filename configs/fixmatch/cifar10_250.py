# SPDX-License-Identifier: Apache-2.0
"""FixMatch, WRN-28-2, CIFAR-10, 250 labelled images.

Run:   python tools/train.py configs/fixmatch/cifar10_250.py
Paper: top-1 94.93 +- 0.65 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar10_40.py"

train_dataloader = dict(dataset=dict(split="250_seed0"))
