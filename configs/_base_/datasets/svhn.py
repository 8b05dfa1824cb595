# SPDX-License-Identifier: Apache-2.0
"""SVHN as CIFAR-10, but nothing is flipped, which digits would not stand.

Configs normalize by the statistics of SVHN, see `model.data_preprocessor`.
"""

_base_ = "./cifar10.py"

train_dataloader = dict(dataset=dict(dataset=dict(type="SVHNDataset", data_root="data/svhn")))
val_dataloader = dict(dataset=dict(type="SVHNDataset", data_root="data/svhn"))
_base_.train_dataloader.dataset.labeled_pipeline[1].weak = "crop"
_base_.train_dataloader.dataset.unlabeled_pipeline[1].update(weak="crop", strong="fixmatch_no_flip")
