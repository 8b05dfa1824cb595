# SPDX-License-Identifier: Apache-2.0
"""A small set of handwritten characters: trains on 136 classes without labels, tests on 106 others.

Images of 105 px become 64 px. Training uses crops of 56 px, testing uses the center. Images are not
flipped, because a mirrored character may be a different one.
"""

_base_ = "./cub.py"

mini = dict(_delete_=True, type="ClassFolderDataset", data_root="data/omniglot_mini")
weak = [
    dict(type="SmallestMaxSize", max_size=64, area_for_downscale="image"),
    dict(type="RandomCrop", height=56, width=56),
]
pipeline = [dict(type="LoadImage"), dict(type="ResizeCenter", size=56), dict(type="PackEval")]
train_dataloader = dict(num_workers=2, dataset=dict(dataset=mini))
val_dataloader = dict(
    num_workers=2, dataset=dict(**mini, folder="test", pipeline=pipeline, test_mode=True)
)
_base_.train_dataloader.dataset.labeled_pipeline[1].weak = weak
_base_.train_dataloader.dataset.unlabeled_pipeline[1].weak = weak
del mini, weak, pipeline
