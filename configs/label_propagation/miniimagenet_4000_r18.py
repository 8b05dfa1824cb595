# SPDX-License-Identifier: Apache-2.0
"""Label propagation, ResNet-18, mini-ImageNet, 4,000 labeled images.

180 passes over the labeled images, in batches of labeled images only, then 180 passes over the
unlabeled ones.
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
    warmup=5_625,
    track_pseudo_labels=True,
)
train_dataloader = dict(sampler=dict(labeled_batches=5_625), dataset=dict(split="4000_seed0"))
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
_base_.param_scheduler[0].stages = [5_625, 85_320]
train_cfg = dict(max_iters=90_945, val_interval=90_945)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=128)
