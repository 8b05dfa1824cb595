# SPDX-License-Identifier: Apache-2.0
"""In-Shop for retrieval, with the labels of the 3,997 classes to train on."""

_base_ = "./inshop.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", labeled="", unlabeled=None))
