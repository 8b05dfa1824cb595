# SPDX-License-Identifier: Apache-2.0
"""Supervised-only with SAN, half-width DeepLabv3+ R-18, mitochondria, 2 labelled sections.

The assembly is before the last stage, where crops of 129 px, and the windows of testing, are maps
of 9 x 9 positions. Details come to the head from the first stage, unmoved.
"""

_base_ = "./em_mito_2.py"

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
