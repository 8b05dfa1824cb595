# SPDX-License-Identifier: Apache-2.0
_base_ = "../metric_learning/sop_resnet18_128.py"
# before the last block, where 227 px are 8 x 8 positions
model = dict(
    student=dict(
        type="ExtendedSegmentor",
        insert=dict(
            at="backbone.layer4.0", module=dict(type="SpatialAssembly", in_channels=512, grid=8)
        ),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(inserted=dict(lr_mult=5.0, decay_mult=0.0)))
)
