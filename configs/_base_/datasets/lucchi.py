# SPDX-License-Identifier: Apache-2.0
"""Mitochondria of the Lucchi set: crops of 321 px, 4 labeled and 4 unlabeled images per batch.

tools/dataset_converters/lucchi.py writes the folder, from stacks of your own too. The class names
are read from DATA_ROOT/classes.txt. Mitochondria are rare: a labeled crop is drawn again, up to a
few times, until 2% of it are foreground. The paper does not state the range of scales or how it
tests on this set, so both are those of its other sets. On sections of another microscope, a small
network was better with the settings of lucchi_small.py (docs/results.md).
"""

_base_ = "./voc.py"

metainfo = dict(palette=[(0, 0, 0), (255, 160, 0)])
train_dataloader = dict(
    batch_size=8,
    sampler=dict(labeled=4, unlabeled=4),
    dataset=dict(dataset=dict(type="FolderDataset", data_root="data/lucchi", metainfo=metainfo)),
)
val_dataloader = dict(
    dataset=dict(type="FolderDataset", data_root="data/lucchi", metainfo=metainfo)
)
val_evaluator = dict(per_class=True, foreground=True)
_base_.train_dataloader.dataset.labeled_pipeline[0].cache = 20
_base_.train_dataloader.dataset.labeled_pipeline[1].update(crop_size=321, min_foreground=0.02)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].crop_size = 321
del metainfo
