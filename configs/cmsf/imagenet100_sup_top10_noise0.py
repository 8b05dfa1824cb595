# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, ResNet-50, ImageNet-100, 0% of the labels wrong, 10 neighbours.

Run:   python tools/train.py configs/cmsf/imagenet100_sup_top10_noise0.py
Paper: a point of a curve (CMSF, Figure 6).
Ours:  not run.

The memory is that of ImageNet; the paper does not say.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/methods/cmsf.py",
    "../_base_/datasets/imagenet100.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_classes.py",
]

_base_.cmsf.update(constraint="label", free_share=0.0, k=10)
model = dict(
    student=dict(decode_head=dict(num_classes=100, probe=True, branches=_base_.pop("projection"))),
    **_base_.pop("cmsf"),
)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(labeled=256, unlabeled=256, labeled_only=True),
    dataset=dict(empty="unlabeled", labeled="", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "moco_v2"
