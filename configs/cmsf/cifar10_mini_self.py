# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels, WRN-10-2, a small CIFAR-10, 4,000 images.

Run:   python tools/train.py configs/cmsf/cifar10_mini_self.py --data-root PATH
Paper: not in the paper.
Ours:  see docs/results.md.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/methods/cmsf.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_features.py",
]

_base_.projection.projection.update(hidden_channels=256, out_channels=128)
_base_.cmsf.predictor.hidden_channels = 256
model = dict(
    student=dict(decode_head=dict(branches=_base_.pop("projection"))),
    **_base_.pop("cmsf"),
)
model.update(memory_size=2048, num_images=4000, teacher=dict(momentum=0.02, buffers=False))
train_dataloader = dict(
    batch_size=128,
    sampler=dict(labeled=0, unlabeled=128),
    dataset=dict(empty="labeled", unlabeled=""),
)
_base_.train_dataloader.dataset.unlabeled_pipeline[1].update(
    weak="flip_crop", strong="small_strong"
)
train_cfg = dict(val_begin=10**9)  # its classifier learns nothing
custom_hooks = [*_base_.custom_hooks, dict(type="NeighbourPurityHook", interval=150)]
