# SPDX-License-Identifier: Apache-2.0
"""Label propagation, ConvNet-13, CIFAR-10, 500 labeled images.

180 passes over the labeled images, in batches of labeled images only, then 180 passes over the
unlabeled ones.
"""

_base_ = [
    "../_base_/models/convnet13.py",
    "../_base_/datasets/cifar10_streams.py",
    "../_base_/schedules/label_propagation.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="LabelPropagation",
    student=dict(decode_head=dict(normalize=True)),
    warmup=900,
    track_pseudo_labels=True,
)
train_dataloader = dict(sampler=dict(labeled_batches=900), dataset=dict(split="500_seed0"))
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
_base_.param_scheduler[0].stages = [900, 178_200]
train_cfg = dict(max_iters=179_100, val_interval=179_100)
