# SPDX-License-Identifier: Apache-2.0
_base_ = ["../metric_learning/cub_bn_inception_proxy_anchor.py"]
# before the last two Inception blocks, where 224 px are 7 x 7 positions
model = dict(
    student=dict(
        type="ExtendedSegmentor",
        insert=dict(
            at="backbone.inception_4e", module=dict(type="SpatialAssembly", in_channels=1056)
        ),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(inserted=dict(lr_mult=30.0, decay_mult=0.0)))
)
