# SPDX-License-Identifier: Apache-2.0
"""Label propagation, frozen EfficientNet-Lite0, a small CIFAR-10, 100 of 4,000 images labeled."""

_base_ = "../_base_/sets/cifar10_mini_100_lite0.py"

model = dict(type="LabelPropagation", warmup=50, track_pseudo_labels=True)
train_dataloader = dict(dataset=dict(include_labeled=False))
_base_.train_dataloader.dataset.unlabeled_pipeline[2].strong = None
custom_hooks = [*_base_.custom_hooks, dict(type="LabelPropagationHook")]
