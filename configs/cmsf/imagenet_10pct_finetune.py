# SPDX-License-Identifier: Apache-2.0
"""CMSF, first fine-tuning, ResNet-50, ImageNet, 10% (128,000) of the images labeled.

Starts from a checkpoint of imagenet_10pct_semi.py. The classifier reads the projection ("two MLPs"
in the paper, read as an MLP of two layers) and starts from random weights. Backbone and projection
are trained with it. Learning rates and batch size are not published.
"""

_base_ = [
    "../_base_/models/resnet50_projection.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/schedules/cmsf_imagenet.py",
    "../_base_/runtime_classes.py",
]

model = dict(type="Supervised", student=dict(decode_head=dict(classify="projection")))
load_from = "data/pretrained/cmsf_10pct_semi.pth"  # or --load-from FILE
train_dataloader = dict(
    batch_size=256, sampler=dict(labeled=256, labeled_only=True), dataset=dict(split="10pct")
)
train_cfg = dict(  # 20 passes
    _delete_=True, type="PassTrainLoop", max_iters=20 * 500, val_interval=20 * 500
)
optim_wrapper = dict(
    optimizer=dict(lr=0.01),
    paramwise_cfg=dict(custom_keys={"decode_head.conv_seg": dict(lr_mult=10.0)}),
)
