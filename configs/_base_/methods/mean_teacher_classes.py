# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher with one output for 2^20 iterations; the weight rises over half of them."""

mean_teacher = dict(
    type="MeanTeacher",
    consistency_weight=50.0,
    ramp=2**19,
    teacher=dict(momentum=0.001),
    predict_on="teacher",
    track_pseudo_labels=True,
)
