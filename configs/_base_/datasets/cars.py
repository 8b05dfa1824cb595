# SPDX-License-Identifier: Apache-2.0
"""Cars-196 for retrieval: 98 classes without their labels to train on, 98 others to test on."""

_base_ = "./cub.py"

train_dataloader = dict(dataset=dict(dataset=dict(type="CarsDataset", data_root="data/cars196")))
val_dataloader = dict(dataset=dict(type="CarsDataset", data_root="data/cars196"))
