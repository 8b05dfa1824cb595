# SPDX-License-Identifier: Apache-2.0
"""The Lucchi set, or stacks of one's own, for small machines: crops of 129 px."""

_base_ = "./lucchi.py"

for _pipeline in ("labeled_pipeline", "unlabeled_pipeline"):
    _base_.train_dataloader.dataset[_pipeline][1].crop_size = 129
del _pipeline
