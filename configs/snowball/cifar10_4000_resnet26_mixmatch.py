# SPDX-License-Identifier: Apache-2.0
_base_ = "./cifar10_1000_convnet13_mixmatch.py"
model = dict(
    student=dict(
        backbone=dict(type="ShakeShakeNet"), decode_head=dict(weight_norm=False, in_channels=384)
    )
)
train_dataloader = dict(dataset=dict(split="4000_seed0"))
# of the MixMatch paper for networks of this size
optim_wrapper = dict(optimizer=dict(weight_decay=0.04))
_base_.custom_hooks[-1].sizes = (2, 4, 8)  # a fourth doubling would need more images than there are
