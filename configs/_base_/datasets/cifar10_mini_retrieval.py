# SPDX-License-Identifier: Apache-2.0
"""A small CIFAR-10 for retrieval: 10 classes without labels, the same ones to test on.

Images of 32 px are moved by up to 4 px and flipped.
"""

_base_ = "./omniglot_mini.py"

train_dataloader = dict(
    dataset=dict(dataset=dict(data_root="data/cifar10_mini"), test_classes="same")
)
val_dataloader = dict(
    dataset=dict(
        data_root="data/cifar10_mini", pipeline=[dict(type="LoadImage"), dict(type="PackEval")]
    )
)
for part in ("labeled_pipeline", "unlabeled_pipeline"):
    _base_.train_dataloader.dataset[part][1] = dict(type="DrawViews", weak="flip_crop", size=32)
del part
