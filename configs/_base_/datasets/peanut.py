# SPDX-License-Identifier: Apache-2.0
"""Crop and weed in field photos at half size: crops of 129 px, 4 labeled and 4 unlabeled.

A config adds the name of its split, a folder below DATA_ROOT/splits. The class names are read from
DATA_ROOT/classes.txt.
"""

_base_ = "./kvasir.py"

_base_.train_dataloader.dataset.dataset.data_root = "data/peanut"
_base_.val_dataloader.dataset.data_root = "data/peanut"
