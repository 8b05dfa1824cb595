# SPDX-License-Identifier: Apache-2.0
"""Nuclei in microscopy of many kinds: crops of 129 px, 4 labeled and 4 unlabeled images per batch.

A config sets `split`. The class names are read from DATA_ROOT/classes.txt.
"""

_base_ = "./kvasir.py"

train_dataloader = dict(dataset=dict(dataset=dict(data_root="data/nuclei")))
val_dataloader = dict(dataset=dict(data_root="data/nuclei"))
_base_.train_dataloader.dataset.labeled_pipeline[1].scale = (0.7, 1.4)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].scale = (0.7, 1.4)
del _base_.val_dataloader.dataset.pipeline[1]  # full size
