# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-28-2, CIFAR-10, 4,000 labelled images.

Run:   python tools/train.py configs/simmatch/cifar10_4000.py
Paper: top-1 96.04 +- 0.01 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar10_40.py"

model = dict(bank_size=4000)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
