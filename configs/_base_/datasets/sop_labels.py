# SPDX-License-Identifier: Apache-2.0
"""Stanford Online Products for retrieval, with the labels of the 11,318 classes to train on."""

_base_ = "./sop.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", labeled="", unlabeled=None))
