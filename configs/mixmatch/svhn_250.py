# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_250.py"
model = dict(
    data_preprocessor=dict(mean=[111.6, 113.2, 120.6], std=[50.5, 51.3, 50.2]),
    unlabeled_weight=250.0,  # of the MixMatch paper for SVHN
)
train_dataloader = dict(dataset=dict(dataset=dict(type="SVHNDataset", data_root="data/svhn")))
val_dataloader = dict(dataset=dict(type="SVHNDataset", data_root="data/svhn"))
_base_.train_dataloader.dataset.labeled_pipeline[1].weak = "crop"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].weak = "crop"
