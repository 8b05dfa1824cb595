# SPDX-License-Identifier: Apache-2.0
"""A small CIFAR-10 for retrieval, with the labels of the images to train on."""

_base_ = "./cifar10_mini_retrieval.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", labeled="", unlabeled=None))
