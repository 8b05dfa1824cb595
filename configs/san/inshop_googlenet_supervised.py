# SPDX-License-Identifier: Apache-2.0
"""SAN with labels, GoogLeNet, In-Shop, a momentum memory.

That is `split/recall1`; of the whole test set, `recall1`, the table has 92.5.
"""

_base_ = ["../metric_learning/inshop_googlenet_supervised.py"]

model = dict(
    student=dict(
        type="ExtendedSegmentor",
        insert=dict(at="backbone.maxpool4", module=dict(type="SpatialAssembly", in_channels=832)),
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(inserted=dict(lr_mult=30.0, decay_mult=0.0)))
)
