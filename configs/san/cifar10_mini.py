# SPDX-License-Identifier: Apache-2.0
_base_ = "../metric_learning/cifar10_mini.py"
# before the last stage: it moves blocks of 2 x 2 positions of a 16 x 16 map
model = dict(
    student=dict(
        type="ExtendedSegmentor",
        insert=dict(
            at="backbone.stages.1",
            module=dict(type="SpatialAssembly", in_channels=64, grid=8, hidden_channels=32),
        ),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(inserted=dict(lr_mult=5.0, decay_mult=0.0)))
)
