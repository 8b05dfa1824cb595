# SPDX-License-Identifier: Apache-2.0
"""CMSF, ResNet-50, ImageNet, 10% (128,000) of the images labelled, no pseudo-labels.

Unlabelled images learn by MSF. Fine-tuning: imagenet_10pct_finetune.py, then _again.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    student=dict(
        decode_head=dict(
            probe=True,
            branches=dict(
                projection=dict(
                    type="Projector",
                    hidden_channels=4096,
                    out_channels=512,
                    norm=True,
                    normalize=False,
                )
            ),
        )
    ),
    type="CMSF",
    predictor=dict(type="Projector", hidden_channels=4096, norm=True, normalize=False),
    k=10,
    constraint="label",
    free_share=0.0,
    teacher=dict(momentum=0.01, buffers=False),
)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(labeled=26, unlabeled=230),  # as many of a kind as there are
    dataset=dict(split="10pct", include_labeled=False),
)
_base_.train_dataloader.dataset.labeled_pipeline[1].strong = "moco_v2"
