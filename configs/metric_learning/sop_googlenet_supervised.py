# SPDX-License-Identifier: Apache-2.0
_base_ = "./sop_googlenet_128.py"
model = dict(student=dict(decode_head=dict(channels=512)))
train_dataloader = dict(dataset=dict(empty="unlabeled", unlabeled=None, labeled=""))
custom_hooks = _base_.custom_hooks[:-1]
val_evaluator = dict(topk=(1, 10, 100, 1000))
