# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_1pct.py"
model = dict(bank_size=128_000)
train_dataloader = dict(dataset=dict(split="10pct"))
_base_.param_scheduler[0].end = 5 * 3603  # a pass over the unlabeled 90% is shorter
_base_.param_scheduler[1].begin = 5 * 3603
