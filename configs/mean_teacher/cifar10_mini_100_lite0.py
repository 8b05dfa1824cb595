# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher, frozen EfficientNet-Lite0, a small CIFAR-10, 100 of 4,000 images labeled.

The student sees the strong view of FixMatch, as two weak views of an image soon look alike.
"""

_base_ = "../_base_/sets/cifar10_mini_100_lite0.py"

model = dict(
    type="MeanTeacher",
    consistency_weight=10.0,
    warmup=50,
    ramp=25,
    track_pseudo_labels=True,
)
