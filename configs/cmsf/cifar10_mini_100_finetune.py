# SPDX-License-Identifier: Apache-2.0
"""CMSF, first fine-tuning, WRN-10-2, a small CIFAR-10, 100 of 4,000 images labelled.

Run:   python tools/train.py configs/cmsf/cifar10_mini_100_finetune.py --load-from FILE
Paper: not in the paper.
Ours:  see docs/results.md.

FILE is a checkpoint of configs/cmsf/cifar10_mini_100_semi.py, or of any run with its projector. The
classifier reads the projection and begins at random; backbone and projector are trained with it.
400 iterations: the paper's 20 passes over 100 images would be 62.
"""

_base_ = [
    "../_base_/models/wrn10_2.py",
    "../_base_/methods/cmsf.py",
    "../_base_/datasets/cifar10_mini.py",
    "../_base_/schedules/mini_classes.py",
    "../_base_/runtime_classes.py",
]

_base_.pop("cmsf")
_base_.projection.projection.update(hidden_channels=256, out_channels=128)
model = dict(
    type="Supervised",
    student=dict(decode_head=dict(classify="projection", branches=_base_.pop("projection"))),
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
