# SPDX-License-Identifier: Apache-2.0
"""Snowball, WRN-10-2, a small CIFAR-10, 250 of 4,000 images labelled.

Run:   python tools/train.py configs/snowball/cifar10_mini_250.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = "./cifar10_mini_100.py"

train_dataloader = dict(dataset=dict(split="250_seed0"))
