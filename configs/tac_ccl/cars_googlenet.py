# SPDX-License-Identifier: Apache-2.0
_base_ = "./cub_googlenet.py"
model = dict(memory=dict(size=8054))
train_dataloader = dict(dataset=dict(dataset=dict(type="CarsDataset", data_root="data/cars196")))
val_dataloader = dict(dataset=dict(type="CarsDataset", data_root="data/cars196"))
