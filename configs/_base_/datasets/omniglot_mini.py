# SPDX-License-Identifier: Apache-2.0
"""A small set of handwritten characters, 136 classes without labels, 106 others to test on.

Images of 105 px become 64 px, of which training takes crops of 56 px, testing the middle. They are
not flipped: a mirrored character may be another one.
"""

_base_ = "./cub.py"

shrink = dict(type="SmallestMaxSize", max_size=64, area_for_downscale="image")
crop = dict(type="RandomCrop", height=56, width=56)

train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        dataset=dict(_delete_=True, type="ClassFolderDataset", data_root="data/omniglot_mini")
    ),
)
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        _delete_=True,
        type="ClassFolderDataset",
        data_root="data/omniglot_mini",
        folder="test",
        pipeline=[
            dict(type="LoadImage"),
            dict(type="ResizeCenter", size=56),
            dict(type="PackEval"),
        ],
        test_mode=True,
    ),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].weak = [shrink, crop]
_base_.train_dataloader.dataset.unlabeled_pipeline[1].weak = [shrink, crop]
del shrink, crop
