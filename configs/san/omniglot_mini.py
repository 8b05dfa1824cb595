# SPDX-License-Identifier: Apache-2.0
_base_ = "../metric_learning/omniglot_mini.py"
# between the last two stages, whose maps are 7 x 7
model = dict(
    student=dict(
        type="ExtendedSegmentor",
        insert=dict(
            at="backbone.layer3",
            module=dict(type="SpatialAssembly", in_channels=64, hidden_channels=32),
        ),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(inserted=dict(lr_mult=5.0, decay_mult=0.0)))
)
