# SPDX-License-Identifier: Apache-2.0
"""CMSF, first fine-tuning, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labeled.

Starts from a checkpoint of cifar10_mini_100_semi.py, or of any run with its projection head. The
classifier reads the projection and starts from random weights. Backbone and projection are trained
with it for 400 iterations. The paper's 20 passes over 100 images would be 62. Unlike the ImageNet
configs, which follow the released code, this one fine-tunes the projection, with learning rates of
our choice.
"""

_base_ = [
    "../_base_/models/wrn10_2_projection.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

model = dict(type="Supervised", student=dict(decode_head=dict(classify="projection")))
load_from = "work_dirs/cmsf/cifar10_mini_100_semi/iter_3000.pth"  # or --load-from FILE
train_dataloader = dict(
    batch_size=32, sampler=dict(labeled_only=True), dataset=dict(split="100_seed0")
)
train_cfg = dict(max_iters=400, val_interval=400)
optim_wrapper = dict(
    optimizer=dict(lr=0.0005),  # 0.005 for the classifier, which starts at random
    paramwise_cfg=dict(custom_keys={"decode_head.conv_seg": dict(lr_mult=10.0)}),
)
auto_scale_lr = dict(base_batch_size=32)
