# SPDX-License-Identifier: Apache-2.0
_base_ = "./em_mito_2.py"
# before the last stage: crops of 129 px, and the windows of testing, are maps of 9 x 9 positions
model = dict(
    student=dict(
        type="ExtendedSegmentor",
        insert=dict(
            at="backbone.layer3", module=dict(type="SpatialAssembly", in_channels=128, grid=9)
        ),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(inserted=dict(lr_mult=5.0, decay_mult=0.0)))
)
