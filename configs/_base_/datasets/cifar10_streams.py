# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 as label propagation takes it: 50 labelled and 50 unlabelled images in a batch.

Unlabelled are the images that have no label. The view is weak: flipped and moved by up to 4
pixels. Counts are of the whole run: on N processes divide those of the sampler by N.
"""

_base_ = "./cifar10.py"

train_dataloader = dict(
    batch_size=100, sampler=dict(labeled=50, unlabeled=50), dataset=dict(include_labeled=False)
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].strong = None
