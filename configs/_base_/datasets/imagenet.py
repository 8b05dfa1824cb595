# SPDX-License-Identifier: Apache-2.0
"""ImageNet at 224 px: 64 labeled and 320 unlabeled images per batch, views of MoCo v2.

The unlabeled images are all training images. A config sets `split`, which
`tools/make_splits.py labels --dataset folder` draws or, with `--labeled FILE`, reads from a list.
"""

_base_ = "./cifar10.py"

imagenet = dict(_delete_=True, type="ClassFolderDataset", data_root="data/imagenet")
train_dataloader = dict(
    batch_size=384, num_workers=16, sampler=dict(unlabeled=320), dataset=dict(dataset=imagenet)
)
pipeline = [dict(type="LoadImage"), dict(type="ResizeCenter", size=224), dict(type="PackEval")]
val_dataloader = dict(
    num_workers=8, dataset=dict(**imagenet, folder="val", pipeline=pipeline, test_mode=True)
)
_base_.train_dataloader.dataset.labeled_pipeline[1].update(weak="resized_crop", size=224)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].update(
    weak="resized_crop", strong="moco_v2", size=224
)
del imagenet, pipeline
