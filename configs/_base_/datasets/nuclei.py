# SPDX-License-Identifier: Apache-2.0
"""Nuclei in microscopy of many kinds: crops of 129 px, 4 labeled and 4 unlabeled in a batch.

A config adds the name of its split, a folder below DATA_ROOT/splits. The class names are read from
DATA_ROOT/classes.txt.
"""

_base_ = "./kvasir.py"

for _pipeline in ("labeled_pipeline", "unlabeled_pipeline"):
    _base_.train_dataloader.dataset[_pipeline][1].scale = (0.7, 1.4)
_base_.train_dataloader.dataset.dataset.data_root = "data/nuclei"
_base_.val_dataloader.dataset.data_root = "data/nuclei"
del _base_.val_dataloader.dataset.pipeline[1]  # full size
del _pipeline
