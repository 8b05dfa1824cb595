# SPDX-License-Identifier: Apache-2.0
"""A small set of handwritten characters, with the labels of the 136 classes to train on."""

_base_ = "./omniglot_mini.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", labeled="", unlabeled=None))
