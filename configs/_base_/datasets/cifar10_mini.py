# SPDX-License-Identifier: Apache-2.0
"""A small set of 32 px images in class folders, `train/CLASS` and `test/CLASS`, 10 classes.

32 labelled and 96 unlabelled images in a batch. All training images are unlabelled ones, the
labelled among them. Tested is once, at the end.
"""

_base_ = "./cifar10.py"

train_dataloader = dict(
    batch_size=128,
    num_workers=2,
    sampler=dict(labeled=32, unlabeled=96),
    dataset=dict(
        dataset=dict(_delete_=True, type="ClassFolderDataset", data_root="data/cifar10_mini")
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="ClassFolderDataset",
        data_root="data/cifar10_mini",
        folder="test",
        pipeline=[dict(type="LoadImage"), dict(type="PackEval")],
        test_mode=True,
    )
)
