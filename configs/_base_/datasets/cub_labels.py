# SPDX-License-Identifier: Apache-2.0
"""CUB-200-2011 for retrieval, with the labels of the 100 training classes."""

_base_ = "./cub.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", labeled="", unlabeled=None))
