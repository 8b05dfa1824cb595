# SPDX-License-Identifier: Apache-2.0
_base_ = "./cub_googlenet_128.py"
model = dict(memory=dict(size=59_551))
train_dataloader = dict(
    dataset=dict(dataset=dict(type="SOPDataset", data_root="data/Stanford_Online_Products"))
)
val_dataloader = dict(dataset=dict(type="SOPDataset", data_root="data/Stanford_Online_Products"))
val_evaluator = dict(topk=(1, 10, 100))
_base_.custom_hooks[-1].clusters = 10_000
