# SPDX-License-Identifier: Apache-2.0
"""SAN without labels, GoogLeNet, CUB-200-2011, embeddings of 128 numbers."""

_base_ = "../metric_learning/cub_googlenet_128.py"

model = dict(
    student=dict(
        type="ExtendedSegmentor",
        insert=dict(at="backbone.maxpool4", module=dict(type="SpatialAssembly", in_channels=832)),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(inserted=dict(lr_mult=30.0, decay_mult=0.0)))
)
