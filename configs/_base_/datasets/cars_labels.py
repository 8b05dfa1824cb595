# SPDX-License-Identifier: Apache-2.0
"""Cars-196 for retrieval, with the labels of the 98 classes to train on."""

_base_ = "./cars.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", labeled="", unlabeled=None))
