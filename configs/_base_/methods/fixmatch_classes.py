# SPDX-License-Identifier: Apache-2.0
"""FixMatch as its paper trains classifiers, evaluated by an average of the weights."""

fixmatch = dict(
    type="FixMatch",
    threshold=0.95,
    mix_source=None,
    halve=False,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
)
