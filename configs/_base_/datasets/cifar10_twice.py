# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 for MixMatch: 64 labeled images, and two weak views of 64 unlabeled ones, per batch.

The unlabeled images are those without a label, as in the released code.
"""

_base_ = "./cifar10.py"

train_dataloader = dict(
    batch_size=128, sampler=dict(unlabeled=64), dataset=dict(include_labeled=False)
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = "weak"
