# SPDX-License-Identifier: Apache-2.0
_base_ = "./cub_googlenet.py"
model = dict(memory=dict(size=8054))
train_dataloader = dict(dataset=dict(dataset=dict(type="CarsDataset", data_root="data/cars196")))
val_dataloader = dict(dataset=dict(type="CarsDataset", data_root="data/cars196"))
_base_.train_dataloader.dataset.labeled_pipeline[1].update(
    matches="work_dirs/metric_learning/cars_googlenet/matches.npz"
)
