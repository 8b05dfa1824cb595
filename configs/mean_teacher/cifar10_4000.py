# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, WRN-28-2, CIFAR-10, 4,000 labelled images.

Run:   python tools/train.py configs/mean_teacher/cifar10_4000.py
Paper: top-1 90.81 +- 0.19 (SimMatch, Table 1).
Ours:  not run.
"""

_base_ = "./cifar10_250.py"

train_dataloader = dict(dataset=dict(split="4000_seed0"))
