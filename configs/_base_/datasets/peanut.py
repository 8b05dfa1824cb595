# SPDX-License-Identifier: Apache-2.0
"""Crop and weed in field photos at half size: crops of 129 px, 4 labeled and 4 unlabeled per batch.

A config sets `split`. The class names are read from DATA_ROOT/classes.txt.
"""

_base_ = "./kvasir.py"

train_dataloader = dict(dataset=dict(dataset=dict(data_root="data/peanut")))
val_dataloader = dict(dataset=dict(data_root="data/peanut"))
