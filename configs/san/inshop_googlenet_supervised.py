# SPDX-License-Identifier: Apache-2.0
_base_ = "./cub_googlenet_supervised.py"
model = dict(memory=dict(size=25_882))
train_dataloader = dict(dataset=dict(dataset=dict(type="InShopDataset", data_root="data/inshop")))
val_dataloader = dict(dataset=dict(type="InShopDataset", data_root="data/inshop"))
val_evaluator = dict(topk=(1, 10, 20, 30))
