# SPDX-License-Identifier: Apache-2.0
"""What RankMatch has beyond a threshold, as in the paper.

Only one `_base_` file may say `model = ...`, and that is the network's. A config therefore takes
these settings out of here and into its model with `**_base_.pop("rankmatch")`.
"""

rankmatch = dict(
    feature_dropout=0.5,
    feature_tap="decode_head.bottleneck",
    rank=dict(
        type="RankCorrelationLoss",
        num_agents=128,
        topk=4,
        selection="orthogonal",
        consistency="rank",
        reduction="element",
        loss_weight=0.1,
    ),
)
