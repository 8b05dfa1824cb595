# SPDX-License-Identifier: Apache-2.0
"""SimMatch, frozen EfficientNet-Lite0, a small CIFAR-10, 100 of 4,000 images labeled."""

_base_ = "../_base_/sets/cifar10_mini_100_lite0.py"

model = dict(
    type="SimMatch",
    student=dict(
        decode_head=dict(branches=dict(projection=dict(type="Projector", out_channels=128)))
    ),
    bank_size=100,
    bank_momentum=0.7,
    warmup=50,
    ramp=25,
    track_pseudo_labels=True,
)
