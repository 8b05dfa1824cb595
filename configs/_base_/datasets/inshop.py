# SPDX-License-Identifier: Apache-2.0
"""In-Shop for retrieval: 3,997 classes without labels; 14,218 queries in a gallery of 12,612."""

_base_ = "./cub.py"

train_dataloader = dict(dataset=dict(dataset=dict(type="InShopDataset", data_root="data/inshop")))
val_dataloader = dict(dataset=dict(type="InShopDataset", data_root="data/inshop"))
