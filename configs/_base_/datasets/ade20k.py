# SPDX-License-Identifier: Apache-2.0
"""ADE20K with 150 classes: crops of 518 px, 8 labeled and 8 unlabeled images per batch."""

_base_ = "./voc_518.py"

train_dataloader = dict(
    batch_size=16,
    sampler=dict(labeled=8, unlabeled=8),
    dataset=dict(dataset=dict(type="ADE20KDataset", data_root="data/ADEChallengeData2016")),
)
val_dataloader = dict(dataset=dict(type="ADE20KDataset", data_root="data/ADEChallengeData2016"))
