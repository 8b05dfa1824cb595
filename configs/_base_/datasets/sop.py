# SPDX-License-Identifier: Apache-2.0
"""Stanford Online Products for retrieval: 11,318 classes without labels, 11,316 to test on."""

_base_ = "./cub.py"

train_dataloader = dict(
    dataset=dict(dataset=dict(type="SOPDataset", data_root="data/Stanford_Online_Products"))
)
val_dataloader = dict(dataset=dict(type="SOPDataset", data_root="data/Stanford_Online_Products"))
