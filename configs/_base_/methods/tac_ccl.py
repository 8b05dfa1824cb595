# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL: what the baseline of chapter 4 (`metric_learning.py`) is added to.

The chapter publishes neither weights nor ranges of transforms; it names crop, rotation, zoom and
perspective. Its eq. 4.2 adds up where ours has a mean: 49 is the number of points of a 7 x 7 map.
A config adds `size`, and `in_channels` of the attention module, to these.
"""

tac_ccl = dict(
    type="TACCCL",
    clustering_weight=1.0,
    consistency_weight=49.0,
    feature_weight=1.0,
    keypoint_sigma=0.3,  # in half sides of a view
)
attention = dict(type="CBAM", reduction=16, kernel_size=7)  # as CBAM's paper
pairs = dict(
    type="PairViews",
    crop=(0.4, 1.0),
    turn=30.0,
    zoom=(0.7, 1.4),
    perspective=0.3,
    transforms=1,
    matches=None,
)
