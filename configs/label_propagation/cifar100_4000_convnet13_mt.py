# SPDX-License-Identifier: Apache-2.0
_base_ = "../mean_teacher/cifar100_4000_convnet13.py"
model = dict(type="LabelPropagation", warmup=85_320, consistency_weight=100.0)
train_cfg = dict(max_iters=170_640, val_interval=170_640)
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
_base_.param_scheduler[0].stages = [85_320, 85_320]
