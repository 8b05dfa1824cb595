# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-28-8, CIFAR-100, 2,500 labelled images.

Run:   python tools/train.py configs/simmatch/cifar100_2500.py
Paper: top-1 74.93 +- 0.32 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar100_400.py"

model = dict(bank_size=2500)
train_dataloader = dict(dataset=dict(split="2500_seed0"))
