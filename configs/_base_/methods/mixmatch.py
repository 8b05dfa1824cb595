# SPDX-License-Identifier: Apache-2.0
"""MixMatch as its paper trains CIFAR-10, evaluated by an average of the weights.

`ramp` is of the released code: 1,024 x 1,024 images in batches of 64.
"""

mixmatch = dict(
    type="MixMatch",
    guesses=2,
    temperature=0.5,
    alpha=0.75,
    unlabeled_weight=75.0,
    ramp=2**14,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
)
