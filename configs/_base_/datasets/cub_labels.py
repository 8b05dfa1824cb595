# SPDX-License-Identifier: Apache-2.0
"""CUB-200-2011 for retrieval, with the labels of the 100 classes to train on."""

_base_ = "./cub.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", labeled="", unlabeled=None))
