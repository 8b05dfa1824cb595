# SPDX-License-Identifier: Apache-2.0
"""mini-ImageNet, images of 84 px, as label propagation takes it: 31 labelled, 97 unlabelled.

The view is turned by up to 10 degrees, moved by up to 8 pixels and flipped.
"""

_base_ = "./cifar100_streams.py"

turned = [
    dict(type="Rotate", limit=10, border_mode=0, p=1.0),
    dict(type="Pad", padding=8, border_mode=0),
    dict(type="RandomCrop", height=84, width=84),
    dict(type="HorizontalFlip", p=0.5),
]
train_dataloader = dict(
    dataset=dict(
        dataset=dict(_delete_=True, type="ClassFolderDataset", data_root="data/miniimagenet")
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="ClassFolderDataset",
        data_root="data/miniimagenet",
        folder="test",
        pipeline=[dict(type="LoadImage"), dict(type="PackEval")],
        test_mode=True,
    )
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = dict(type="DrawViews", weak=turned)
_base_.train_dataloader.dataset.unlabeled_pipeline[1] = dict(type="DrawViews", weak=turned)
del turned
