# SPDX-License-Identifier: Apache-2.0
"""CMSF with labels, ResNet-50, ImageNet, 1,281,167 images, 10 neighbours.

Run:   python tools/train.py configs/cmsf/imagenet_sup_top10.py
Paper: linear 76.4, mean transfer 80.1 (CMSF, Table 2).
Ours:  not run.

The network's classifier is a linear probe that learns beside it and leaves it alone.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/methods/cmsf.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_classes.py",
]

_base_.cmsf.update(constraint="label", free_share=0.0, k=10)
model = dict(
    student=dict(decode_head=dict(probe=True, branches=_base_.pop("projection"))),
    **_base_.pop("cmsf"),
)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(labeled=256, unlabeled=256, labeled_only=True),
    dataset=dict(empty="unlabeled", labeled="", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "moco_v2"
