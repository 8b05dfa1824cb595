# SPDX-License-Identifier: Apache-2.0
_base_ = "./omniglot_mini.py"
train_dataloader = dict(dataset=dict(empty="unlabeled", unlabeled=None, labeled=""))
custom_hooks = _base_.custom_hooks[:-1]
