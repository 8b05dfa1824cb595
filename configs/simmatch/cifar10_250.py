# SPDX-License-Identifier: Apache-2.0
"""SimMatch, WRN-28-2, CIFAR-10, 250 labelled images.

Run:   python tools/train.py configs/simmatch/cifar10_250.py
Paper: top-1 95.16 +- 0.39 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar10_40.py"

model = dict(bank_size=250)
train_dataloader = dict(dataset=dict(split="250_seed0"))
