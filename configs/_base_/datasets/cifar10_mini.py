# SPDX-License-Identifier: Apache-2.0
"""A small set of 32 px images in class folders, `train/CLASS` and `test/CLASS`, 10 classes.

32 labeled and 96 unlabeled images per batch. Otherwise as CIFAR-10.
"""

_base_ = "./cifar10.py"

mini = dict(_delete_=True, type="ClassFolderDataset", data_root="data/cifar10_mini")
train_dataloader = dict(
    batch_size=128,
    num_workers=2,
    sampler=dict(labeled=32, unlabeled=96),
    dataset=dict(dataset=mini),
)
pipeline = _base_.val_dataloader.dataset.pipeline
val_dataloader = dict(dataset=dict(**mini, folder="test", pipeline=pipeline, test_mode=True))
del mini, pipeline
