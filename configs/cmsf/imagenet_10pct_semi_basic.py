# SPDX-License-Identifier: Apache-2.0
"""CMSF, ResNet-50, ImageNet, 10% (128,000) of the images labelled, no pseudo-labels.

Run:   python tools/train.py configs/cmsf/imagenet_10pct_semi_basic.py
Paper: top-1 68.6 after fine-tuning (CMSF, Table 6).
Ours:  not run.

Unlabelled images learn by MSF. Fine-tuning: imagenet_10pct_finetune.py, then _again.
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
    sampler=dict(labeled=26, unlabeled=230),  # as many of a kind as there are
    dataset=dict(split="10pct", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "moco_v2"
