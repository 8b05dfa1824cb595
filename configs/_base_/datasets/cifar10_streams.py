# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 for label propagation: 50 labeled and 50 unlabeled images per batch.

The unlabeled images are those without a label. The view is weak: flips and shifts of up to 4 px.
The counts are those of all processes: with N processes, divide them by N.
"""

_base_ = "./cifar10.py"

train_dataloader = dict(
    batch_size=100, sampler=dict(labeled=50, unlabeled=50), dataset=dict(include_labeled=False)
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = None
