# SPDX-License-Identifier: Apache-2.0
"""CMSF, first fine-tuning, ResNet-50, ImageNet, 10% (128,000) of the images labelled.

FILE is a checkpoint of configs/cmsf/imagenet_10pct_semi.py. The classifier reads the projection
("two MLPs" in the paper, read as an MLP of two layers) and begins at random; backbone and projector
are trained with it, for 20 passes over the labelled images. Learning rates and batch size are not
published.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="Supervised",
    student=dict(
        decode_head=dict(
            classify="projection",
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
)
load_from = "data/pretrained/cmsf_10pct_semi.pth"  # or --load-from FILE
train_dataloader = dict(
    batch_size=256, sampler=dict(labeled=256, labeled_only=True), dataset=dict(split="10pct")
)
train_cfg = dict(type="PassTrainLoop", max_iters=20 * 500, val_interval=20 * 500)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={"decode_head.conv_seg": dict(lr_mult=10.0)}),
)
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=256)
