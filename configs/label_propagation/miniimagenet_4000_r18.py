# SPDX-License-Identifier: Apache-2.0
"""Label propagation, ResNet-18, mini-ImageNet, 4,000 labeled images.

180 passes over the labeled images, then 180 over the unlabeled ones.
"""

_base_ = [
    "../_base_/models/resnet18_84.py",
    "../_base_/datasets/miniimagenet_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="LabelPropagation",
    student=dict(decode_head=dict(normalize=True)),
    warmup=23_226,
    track_pseudo_labels=True,
)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
_base_.param_scheduler[0].stages = [23_226, 85_320]
train_cfg = dict(max_iters=108_546, val_interval=108_546)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
