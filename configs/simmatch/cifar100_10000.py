# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-28-8, CIFAR-100, 10,000 labelled images.

Run:   python tools/train.py configs/simmatch/cifar100_10000.py
Paper: top-1 79.42 +- 0.11 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar100_400.py"

model = dict(bank_size=10000)
train_dataloader = dict(dataset=dict(split="10000_seed0"))
