# SPDX-License-Identifier: Apache-2.0
"""CMSF, first fine-tuning, ResNet-50, ImageNet, 10% (128,000) of the images labeled.

Starts from the backbone in a checkpoint of imagenet_10pct_semi.py. The classifier has two layers
and reads the pooled feature, scaled to length 1 and standardized with the statistics of the labeled
images. Backbone and classifier have the same learning rate, a tenth of it after 15 passes; the
released schedule continues with passes 35 and 50, which 20 passes do not reach.
"""

_base_ = [
    "../_base_/models/resnet50.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_classes.py",
]

model = dict(
    type="Supervised",
    student=dict(
        decode_head=dict(
            branches=dict(hidden=dict(type="StandardizedLayer", out_channels=2048)),
            classify="hidden",
        )
    ),
    pretrained="data/pretrained/cmsf_10pct_semi.pth",  # or --cfg-options model.pretrained=FILE
)
train_dataloader = dict(
    batch_size=256, sampler=dict(labeled=256, labeled_only=True), dataset=dict(split="10pct")
)
train_cfg = dict(  # 20 passes
    _delete_=True, type="PassTrainLoop", max_iters=20 * 500, val_interval=20 * 500
)
optim_wrapper = dict(optimizer=dict(lr=0.001))
param_scheduler = [dict(type="MultiStepLR", by_epoch=False, milestones=[15 * 500], gamma=0.1)]
custom_hooks = [*_base_.custom_hooks, dict(type="FeatureStatisticsHook")]
