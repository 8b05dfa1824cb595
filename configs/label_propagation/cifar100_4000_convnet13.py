# SPDX-License-Identifier: Apache-2.0
"""Label propagation, ConvNet-13, CIFAR-100, 4,000 labelled images.

180 passes over the labelled images, then 180 over the unlabelled ones.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/datasets/cifar100_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="LabelPropagation",
    data_preprocessor=dict(mean=[129.3, 124.1, 112.4], std=[68.2, 65.4, 70.4]),
    student=dict(decode_head=dict(num_classes=100, normalize=True)),
    warmup=23_226,
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
_base_.param_scheduler[0].stages = [23_226, 85_320]
train_cfg = dict(max_iters=108_546, val_interval=108_546)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
