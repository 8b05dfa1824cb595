# SPDX-License-Identifier: Apache-2.0
"""CMSF, first fine-tuning, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

FILE is a checkpoint of configs/cmsf/cifar10_mini_100_semi.py, or of any run with its projector. The
classifier reads the projection and begins at random; backbone and projector are trained with it.
400 iterations: the paper's 20 passes over 100 images would be 62.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
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
                    hidden_channels=256,
                    out_channels=128,
                    norm=True,
                    normalize=False,
                )
            ),
        )
    ),
)
load_from = "work_dirs/cmsf/cifar10_mini_100_semi/iter_3000.pth"  # or --load-from FILE
train_dataloader = dict(
    batch_size=32, sampler=dict(labeled_only=True), dataset=dict(split="100_seed0")
)
train_cfg = dict(max_iters=400, val_interval=400)
optim_wrapper = dict(
    optimizer=dict(lr=0.0005),  # not published; the classifier, which begins at random, has 0.005
    paramwise_cfg=dict(custom_keys={"decode_head.conv_seg": dict(lr_mult=10.0)}),
)
auto_scale_lr = dict(base_batch_size=32)
