# SPDX-License-Identifier: Apache-2.0
_base_ = "./sop_googlenet_128.py"
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    pretrained=None,
    student=dict(
        backbone=dict(norm_eval=False, type="ResNet", depth=18), decode_head=dict(in_channels=512)
    ),
    teacher=dict(warmup=True),  # forgets the random weights before the memory starts
)
optim_wrapper = dict(optimizer=dict(lr=0.001))  # from random weights; not published
