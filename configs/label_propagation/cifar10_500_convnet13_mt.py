# SPDX-License-Identifier: Apache-2.0
"""Label propagation with Mean Teacher, ConvNet-13, CIFAR-10, 500 labeled images.

180 passes of Mean Teacher, then 180 that also use the propagated labels.
"""

_base_ = "../mean_teacher/cifar10_500_convnet13.py"

model = dict(type="LabelPropagation", warmup=178_200, consistency_weight=100.0)
train_cfg = dict(max_iters=356_400, val_interval=356_400)
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
_base_.param_scheduler[0].stages = [178_200, 178_200]
