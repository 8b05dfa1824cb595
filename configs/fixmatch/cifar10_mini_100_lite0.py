# SPDX-License-Identifier: Apache-2.0
"""FixMatch, frozen EfficientNet-Lite0, a small CIFAR-10, 100 of 4,000 images labeled.

After a warm-up, the average of the weights labels the images on which it is confident.
"""

_base_ = "../_base_/sets/cifar10_mini_100_lite0.py"

model = dict(
    type="FixMatch",
    mix_source=None,
    labels_from="teacher",
    single_pass=True,
    threshold=0.9,
    warmup=50,
    ramp=25,
    track_pseudo_labels=True,
)
