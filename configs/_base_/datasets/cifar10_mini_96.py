# SPDX-License-Identifier: Apache-2.0
"""A small CIFAR-10 whose images are enlarged to 96 px, for encoders trained on large images.

16 labeled and 32 unlabeled images per batch.
"""

_base_ = "./cifar10_mini.py"

resize = dict(type="ResizeCenter", size=96, share=1.0)
train_dataloader = dict(batch_size=48, num_workers=1, sampler=dict(labeled=16, unlabeled=32))
val_dataloader = dict(num_workers=1)
_base_.train_dataloader.dataset.labeled_pipeline.insert(1, resize)
_base_.train_dataloader.dataset.labeled_pipeline[2].size = 96
_base_.train_dataloader.dataset.unlabeled_pipeline.insert(1, resize)
_base_.train_dataloader.dataset.unlabeled_pipeline[2].size = 96
_base_.val_dataloader.dataset.pipeline.insert(1, resize)
del resize
