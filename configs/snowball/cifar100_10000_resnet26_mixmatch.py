# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar100_10000_convnet13_mixmatch.py"
model = dict(
    student=dict(
        backbone=dict(type="ShakeShakeNet"), decode_head=dict(weight_norm=False, in_channels=384)
    )
)
# of the MixMatch paper for networks of this size
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
