# SPDX-License-Identifier: Apache-2.0
"""A small CIFAR-10 for retrieval: trains on 10 classes without labels, tests on the same classes.

Images of 32 px are shifted by up to 4 px and flipped.
"""

_base_ = "./omniglot_mini.py"

train_dataloader = dict(
    dataset=dict(dataset=dict(data_root="data/cifar10_mini"), test_classes="same")
)
val_dataloader = dict(dataset=dict(data_root="data/cifar10_mini"))
del _base_.val_dataloader.dataset.pipeline[1]
views = dict(type="DrawViews", weak="flip_crop", size=32)
_base_.train_dataloader.dataset.labeled_pipeline[1] = views
_base_.train_dataloader.dataset.unlabeled_pipeline[1] = views
del views
