# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher with a second output for the consistency, as its released code trains it."""

second = dict(consistency=dict(type="Projector", layers=1, normalize=False, weight_norm=True))
two_outputs = dict(
    consistency_weight=100.0,
    consistency_tap="decode_head.branches.consistency",
    distance_weight=0.01,
    whole_batch=True,
    teacher=dict(momentum=0.03, warmup=True, buffers=False),
    predict_on="teacher",
    ramp_shape="sigmoid",
)
