# SPDX-License-Identifier: Apache-2.0
"""SVHN as CIFAR-10, but nothing is flipped, which digits would not stand.

A config sets `model = dict(data_preprocessor=_base_.pop("pixels"), ...)`: the statistics of SVHN.
"""

_base_ = "./cifar10.py"

pixels = dict(mean=[111.6, 113.2, 120.6], std=[50.5, 51.3, 50.2])  # of the training images
train_dataloader = dict(dataset=dict(dataset=dict(type="SVHNDataset", data_root="data/svhn")))
val_dataloader = dict(dataset=dict(type="SVHNDataset", data_root="data/svhn"))
_base_.train_dataloader.dataset.labeled_pipeline[1].weak = "crop"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].update(weak="crop", strong="fixmatch_no_flip")
