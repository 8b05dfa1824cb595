# SPDX-License-Identifier: Apache-2.0
"""CamVid for a pretrained encoder, whose runs are short: the labeled images stay in memory."""

_base_ = "./camvid.py"

train_dataloader = dict(num_workers=1)
val_dataloader = dict(num_workers=1)
_base_.train_dataloader.dataset.labeled_pipeline[0].cache = 100
