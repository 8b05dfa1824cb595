# SPDX-License-Identifier: Apache-2.0
"""SimMatch, ResNet-50, ImageNet, 10% (128,000) of the images labelled.

Run:   python tools/train.py configs/simmatch/imagenet_10pct.py
Paper: top-1 74.4 (SimMatch, Table 2).
Ours:  not run.
"""

_base_ = "./imagenet_1pct.py"

model = dict(bank_size=128_000)
train_dataloader = dict(dataset=dict(split="10pct"))
