# SPDX-License-Identifier: Apache-2.0
"""MixMatch, WRN-28-2, SVHN, 250 labelled images.

The weight 250 is that of the MixMatch paper for SVHN.
"""

_base_ = "./cifar10_250.py"

_base_.model.data_preprocessor.mean[0] = 111.6
_base_.model.data_preprocessor.mean[1] = 113.2
_base_.model.data_preprocessor.mean[2] = 120.6
_base_.model.data_preprocessor.std[0] = 50.5
_base_.model.data_preprocessor.std[1] = 51.3
_base_.model.data_preprocessor.std[2] = 50.2
_base_.train_dataloader.dataset.labeled_pipeline[1].weak = "crop"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].weak = "crop"
model = dict(unlabeled_weight=250.0)
train_dataloader = dict(dataset=dict(dataset=dict(type="SVHNDataset", data_root="data/svhn")))
val_dataloader = dict(dataset=dict(type="SVHNDataset", data_root="data/svhn"))
