# SPDX-License-Identifier: Apache-2.0
_base_ = "../mean_teacher/cifar10_mini_100.py"
model = dict(type="LabelPropagation", warmup=600)
train_dataloader = dict(dataset=dict(include_labeled=False))
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
