# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_1pct.py"
model = dict(bank_size=128_000)
train_dataloader = dict(dataset=dict(split="10pct"))
